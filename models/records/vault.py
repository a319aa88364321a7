"""What is encrypted, stored and read: data keys of cases, keys that cases share, content sealed in its row.

The keys that wrap the cases' keys are the process's (``models.database.connect``) and reach here through the
connection. Everything sealed is bound to its table, column and row, so that no ciphertext can be moved to another.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic_core import from_json
from sqlalchemy import ColumnElement, Table, Uuid, any_, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import KEYS
from models.forms import canonical
from models.tables import AnswerLink, CaseKey, KeyShare, SetAside, WebhookSecret, table
from models.vault import AlteredError, DataKey, ErasedError, KeyProvider, KeysAwayError, Wrapped
from models.writing import binary, change, put_all

_CASE_KEY, _SHARE = table(CaseKey), table(KeyShare)

WRAPPING: Final[Mapping[Table, ColumnElement[bool]]] = {
    _CASE_KEY: _CASE_KEY.c.destroyed_at.is_(None),
    **{of: of.c.kek.is_not(None) for of in (table(AnswerLink), table(SetAside), table(WebhookSecret))},
}
"""Tables whose rows hold something wrapped (``kek``, ``wrapped``): the cases' keys, and what stands for itself."""

WITH_KEY: Final = (_CASE_KEY.c.wrapped.label("key_wrapped"), _CASE_KEY.c.kek.label("key_kek"))
"""The columns ``key_in`` reads, for a statement joined with ``case_key``."""


def provider(connection: AsyncConnection) -> KeyProvider:
    """The keys this process was given.

    Raises:
        KeysAwayError: it was given none.
    """
    about = connection.sync_connection
    found: KeyProvider | None = about.get_execution_options().get(KEYS) if about is not None else None
    if found is None:
        raise KeysAwayError("this process was given no keys: ANNHI_VAULT_FILE")
    return found


def informant_of(report_id: UUID) -> UUID:
    """The id of a report's informant."""
    return uuid5(report_id, "informant")


# --- keys -------------------------------------------------------------------------------------------------------------


async def create_keys(connection: AsyncConnection, case_ids: Iterable[UUID], at: datetime) -> dict[UUID, DataKey]:
    """A data key for each new case, wrapped and stored.

    Raises:
        KeysAwayError: there is nothing to wrap them with now.
    """
    made = {case_id: DataKey.new() for case_id in case_ids}
    keys = provider(connection)
    rows = []
    for case_id, key in made.items():
        wrapped = await keys.wrap(key.raw, _of_case(case_id))
        rows.append({"case_id": case_id, "wrapped": binary(wrapped.key), "kek": wrapped.kek, "created_at": at})
    await put_all(connection, _CASE_KEY, rows)
    return made


async def keys_of(connection: AsyncConnection, case_ids: Sequence[UUID]) -> dict[UUID, DataKey]:
    """The data keys of cases.

    Raises:
        ErasedError: one was destroyed.
        KeysAwayError: one is missing, or cannot be unwrapped now.
    """
    statement = select(_CASE_KEY.c.case_id, *WITH_KEY).where(_CASE_KEY.c.case_id == any_(_ids("cases")))
    rows = {row.case_id: row for row in await connection.execute(statement, {"cases": list(case_ids)})}
    return {case_id: await key_in(connection, case_id, rows.get(case_id)) for case_id in case_ids}


async def key_of(connection: AsyncConnection, case_id: UUID) -> DataKey:
    """The data key of one case; raises as ``keys_of``."""
    return (await keys_of(connection, [case_id]))[case_id]


async def living_key_of(connection: AsyncConnection, case_id: UUID) -> DataKey | None:
    """The data key of one case, None where it was destroyed: for showing a file of which no word is left.

    Raises:
        KeysAwayError: it is missing, or cannot be unwrapped now.
    """
    try:
        return await key_of(connection, case_id)
    except ErasedError:
        return None


async def living_key_in(connection: AsyncConnection, case_id: UUID, row: Any) -> DataKey | None:
    """As ``living_key_of``, of a row as ``key_in`` takes it."""
    try:
        return await key_in(connection, case_id, row)
    except ErasedError:
        return None


async def key_in(connection: AsyncConnection, case_id: UUID, row: Any) -> DataKey:
    """The data key of a case in a row that has the columns ``WITH_KEY``.

    Raises:
        ErasedError: it was destroyed.
        KeysAwayError: the case has none, or it cannot be unwrapped now.
    """
    if row is None:
        raise KeysAwayError(f"the case {case_id} has no key: restore the table case_key")
    if row.key_wrapped is None:
        raise ErasedError
    raw = await provider(connection).unwrap(Wrapped(row.key_kek, row.key_wrapped), _of_case(case_id))
    return DataKey(raw)


def bound_to(of: Table, row_id: UUID) -> str:
    """What the wrapped thing of a row is bound to, so that it cannot be moved to another row."""
    return f"{of.name}/wrapped/{row_id}"


async def in_use(connection: AsyncConnection) -> dict[str, int]:
    """How much each key-encryption key has wrapped: living data keys, and what rows hold of their own."""
    found: Counter[str] = Counter()
    for of, condition in WRAPPING.items():
        statement = select(of.c.kek, func.count().label("wrapped")).where(condition).group_by(of.c.kek)
        found.update({row.kek: row.wrapped for row in await connection.execute(statement)})
    return dict(found)


async def rewrap(connection: AsyncConnection, most: int) -> int:
    """Wrap anew by the key that is active now. Nothing that is encrypted changes, and nobody has to wait.

    Args:
        connection: a transaction of the owner.
        most: how many of each kind at most.

    Returns:
        How many it were; none when nothing is left but what somebody else is at.

    Raises:
        KeysAwayError: a key they were wrapped by is not there.
    """
    keys = provider(connection)
    active = await keys.active()
    done = 0
    for of, condition in WRAPPING.items():
        (key,) = of.primary_key.columns
        statement = (
            select(key.label("id"), of.c.kek, of.c.wrapped)
            .where(condition, of.c.kek != active)
            .order_by(of.c.kek, key)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        rows = []
        for row in (await connection.execute(statement)).all():
            bound = _of_case(row.id) if of is _CASE_KEY else bound_to(of, row.id)
            wrapped = await keys.wrap(await keys.unwrap(Wrapped(row.kek, row.wrapped), bound), bound)
            rows.append({key.name: row.id, "wrapped": binary(wrapped.key), "kek": wrapped.kek})
        await change(connection, of, rows)
        done += len(rows)
    return done


async def destroy_key(connection: AsyncConnection, case_id: UUID, at: datetime) -> None:
    """Destroy a case's data key: what was encrypted for that child alone can be read by nobody from now on.

    Args:
        connection: a transaction of the owner.
        case_id: whose.
        at: domain instant.
    """
    gone = update(_CASE_KEY).where(_CASE_KEY.c.case_id == case_id, _CASE_KEY.c.destroyed_at.is_(None))
    await connection.execute(gone.values(wrapped=None, kek=None, destroyed_at=at))


async def share(
    connection: AsyncConnection, record_id: UUID, key: DataKey, cases: Mapping[UUID, DataKey], at: datetime
) -> None:
    """Let cases open what is sealed under a key of its own."""
    rows = [
        {
            "record_id": record_id,
            "case_id": case_id,
            "wrapped": binary(of_case.seal(key.raw, _of_share(record_id, case_id))),
            "created_at": at,
        }
        for case_id, of_case in cases.items()
    ]
    await put_all(connection, _SHARE, rows, once=True)


async def shared_key(connection: AsyncConnection, record_id: UUID) -> DataKey:
    """The key of something several cases share, through whichever of them still has its own.

    Raises:
        ErasedError: none of them has.
        KeysAwayError: not now.
    """
    statement = (
        select(_SHARE.c.case_id, _SHARE.c.wrapped, *WITH_KEY)
        .join(_CASE_KEY, _CASE_KEY.c.case_id == _SHARE.c.case_id)
        .where(_SHARE.c.record_id == record_id, _CASE_KEY.c.destroyed_at.is_(None))
        .order_by(_SHARE.c.case_id)
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise ErasedError
    of_case = await key_in(connection, row.case_id, row)
    return DataKey(of_case.open(row.wrapped, _of_share(record_id, row.case_id)))


async def share_reports(
    connection: AsyncConnection, reports: Iterable[UUID], *, of: UUID, to: UUID, at: datetime
) -> None:
    """Let a case open the reports, and their informants, that another brings along when it is attached.

    Args:
        connection: a transaction that holds both cases' locks.
        reports: which.
        of: the case that has them.
        to: the case they go to.
        at: domain instant.
    """
    records = [record for report in reports for record in (report, informant_of(report))]
    statement = select(_SHARE.c.record_id, _SHARE.c.wrapped).where(
        _SHARE.c.case_id == of, _SHARE.c.record_id == any_(_ids("records"))
    )
    held = (await connection.execute(statement, {"records": records})).all()
    keys = await keys_of(connection, [of, to])
    for row in held:
        key = DataKey(keys[of].open(row.wrapped, _of_share(row.record_id, of)))
        await share(connection, row.record_id, key, {to: keys[to]}, at)


async def unshare_reports(connection: AsyncConnection, reports: Iterable[UUID], case_id: UUID) -> None:
    """Take it back: what goes away with a detached case is that case's alone again, and is erased with it."""
    records = [record for report in reports for record in (report, informant_of(report))]
    gone = delete(_SHARE).where(_SHARE.c.case_id == case_id, _SHARE.c.record_id == any_(_ids("records")))
    await connection.execute(gone, {"records": records})


# --- content ----------------------------------------------------------------------------------------------------------


def seal(key: DataKey, of: Table, row_id: UUID, content: Mapping[str, Any]) -> tuple[bytes, str]:
    """Content for the column ``sealed`` of a row, and its keyed hash.

    Args:
        key: the case's, or the shared one.
        of: the table.
        row_id: the row's id.
        content: JSON-able.
    """
    clear = canonical(content).encode()
    return key.seal(clear, _of_row(of, row_id)), key.hash(clear)


def unseal(key: DataKey, of: Table, row_id: UUID, sealed: bytes, content_hash: str | None = None) -> dict[str, Any]:
    """The content of a row.

    Args:
        key: the key it was sealed with.
        of: the table.
        row_id: the row's id.
        sealed: its column ``sealed``.
        content_hash: its column of that name, where it has one.

    Raises:
        AlteredError: the row is not what was stored, or its hash is not this content's.
    """
    clear = key.open(sealed, _of_row(of, row_id))
    if content_hash is not None and not key.names(clear, content_hash):
        raise AlteredError
    content: dict[str, Any] = from_json(clear)
    return content


def seal_text(key: DataKey, column: ColumnElement[Any], row_id: UUID, said: str | None) -> bytes | None:
    """Words for a column of their own in a row; nothing where nothing was said."""
    return None if said is None else key.seal(said.encode(), _of_column(column, row_id))


def open_text(key: DataKey | None, column: ColumnElement[Any], row_id: UUID, sealed: bytes | None) -> str | None:
    """The words in such a column; None where nothing was said, or the key is none any more.

    Raises:
        AlteredError: they are not what was stored there.
    """
    return None if key is None or sealed is None else key.open(sealed, _of_column(column, row_id)).decode()


def _ids(name: str) -> Any:
    return bindparam(name, type_=ARRAY(Uuid))


def _of_case(case_id: UUID) -> str:
    return f"case_key/wrapped/{case_id}"


def _of_share(record_id: UUID, case_id: UUID) -> str:
    return f"key_share/wrapped/{record_id}/{case_id}"


def _of_column(column: Any, row_id: UUID) -> str:
    return f"{column.table.name}/{column.name}/{row_id}"


def _of_row(of: Table, row_id: UUID) -> str:
    return f"{of.name}/sealed/{row_id}"
