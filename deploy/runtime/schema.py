"""Bringing keys and database to what this code needs, and refusing a database that newer code has already changed."""

from pathlib import Path

from deploy.runtime.preflight import newer


def migrate(url: str, data: Path) -> str:
    """Apply what is missing.

    Args:
        url: SQLAlchemy URL of the owner role.
        data: the data folder, for the sentence.

    Returns:
        The revision the database now has.

    Raises:
        Trouble: the database has a revision that this code does not know.
    """
    from models import migrations  # noqa: PLC0415 - the supervisor itself does without SQL

    found = migrations.current(url)
    if found is not None and not migrations.known(found):
        raise newer(data, f"schema {found} > {migrations.head()}")
    migrations.upgrade(url)
    return migrations.head()


def create_keys(payloads: Path, vault: Path) -> None:
    """The keys that are not there yet. ``check_keys`` has looked before whether they should be.

    Args:
        payloads: of what passes through Temporal.
        vault: of what is encrypted in the database.
    """
    from models.vault import KeyRing, file  # noqa: PLC0415 - the supervisor itself does without cryptography

    KeyRing.create(payloads)
    file.create(vault)
