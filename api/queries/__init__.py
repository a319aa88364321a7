"""Every SQL statement of the door. A query of cases takes its scope from ``api.scope`` and no other way."""
