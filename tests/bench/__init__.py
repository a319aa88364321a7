"""Benches: what the service does in a second, beside what the machine could do at most. See docs/performance.md."""
