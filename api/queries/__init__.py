"""Every SQL statement of the door. A query of cases takes its scope from ``models.records.scope`` and no other way."""
