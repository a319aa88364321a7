"""Drills: a YAML file with a cast, timed steps and what must hold, played on the real service with a skipping clock.

``deploy.drill.main.run`` is the way in; docs/guides/drills.md describes the format, docs/decisions/0004 the clock.
"""
