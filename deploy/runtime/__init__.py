"""The whole service on one machine: PostgreSQL, Temporal, worker and API under one supervisor."""
