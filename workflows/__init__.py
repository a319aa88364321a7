"""Time and order: the case, the sweep, and the worker that composes them."""
