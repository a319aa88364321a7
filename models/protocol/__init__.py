"""The protocol: versioned rules on how long everything may take, and the pure engine that turns them into clocks."""
