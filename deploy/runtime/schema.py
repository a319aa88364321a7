"""Bringing keys and database to what this code needs, and refusing a database that newer code has already changed."""

from pathlib import Path

from deploy.runtime.preflight import newer
from deploy.runtime.trouble import Status, Trouble


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
        payloads: of what passes through Temporal; beside it go the keys that sign the audit's seals and the key that
            hides the addresses in it, where the environment names no other files.
        vault: of what is encrypted in the database.
    """
    # The supervisor itself does without cryptography.
    from models.audit import SigningKeys  # noqa: PLC0415
    from models.audit.origin import Origins  # noqa: PLC0415
    from models.settings import Settings  # noqa: PLC0415
    from models.vault import KeyRing, file  # noqa: PLC0415

    files = Settings(key_file=payloads)
    KeyRing.create(payloads)
    SigningKeys.create(files.signing_keys)
    Origins.create(files.origin_key)
    file.create(vault)


def check_vault(url: str, path: Path) -> None:
    """See that the key file has every key the database needs; a new file must never be made beside old data.

    Args:
        url: SQLAlchemy URL of the owner role.
        path: the key file.

    Raises:
        Trouble: a key that wrapped some case's is not in it.
    """
    from models import migrations  # noqa: PLC0415 - the supervisor itself does without SQL
    from models.vault.file import names  # noqa: PLC0415

    missing = migrations.keys_needed(url) - names(path)
    if missing:
        listed = ", ".join(sorted(missing))
        raise Trouble(
            Status.FAILED,
            f"Thiếu khóa {listed} trong {path}; không có khóa thì không đọc được hồ sơ. "
            "Hãy khôi phục tệp khóa từ bản sao lưu.",
            f"The keys {listed} are not in {path} and without them files cannot be read; restore it from the backup.",
        )
