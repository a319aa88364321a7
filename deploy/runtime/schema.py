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


def create_keys(path: Path) -> None:
    """Every key that is missing. ``check_keys`` has looked before.

    Args:
        path: of the key ring for what passes through Temporal; beside it go the keys that sign the audit's seals and
            the key that hides the addresses in it, where the environment names no other files.
    """
    from models.audit import SigningKeys  # noqa: PLC0415 - as below
    from models.audit.origin import Origins  # noqa: PLC0415 - as below
    from models.settings import Settings  # noqa: PLC0415 - as below
    from workflows.codec import KeyRing  # noqa: PLC0415 - the supervisor itself does without Temporal's library

    files = Settings(key_file=path)
    KeyRing.create(path)
    SigningKeys.create(files.signing_keys)
    Origins.create(files.origin_key)
