"""Prints the script: ``python -m models.security > models/migrations/sql/NNNN_row_security.sql``."""

import sys

from models.security import script

if __name__ == "__main__":
    sys.stdout.write(script())
