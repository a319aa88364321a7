"""How it runs: the embedded runtime, the ``annhi`` command, roles, locks, drills."""
