"""What Temporal keeps of us is sealed: payloads and failures, under keys that rotate, closed where one is unknown."""

import base64
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from google.protobuf.message import Message as Proto
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.messages import Command
from models.vault import KeyRing, UnknownKeyError
from tests.world import MONDAY, a_world, client_of
from workflows.codec import EncryptingCodec
from workflows.connection import data_converter

OLD, NEW = os.urandom(32), os.urandom(32)
CANARY = "Trần Thị Kiểm Thử"


def codec(active: str = "old", **keys: bytes) -> EncryptingCodec:
    return EncryptingCodec(KeyRing(keys or {"old": OLD}, active))


def clear(data: bytes = CANARY.encode()) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


async def test_a_payload_comes_back_as_it_went_and_shows_nothing_on_the_way() -> None:
    first, second = await codec().encode([clear(), clear()])
    assert CANARY.encode() not in first.SerializeToString()
    assert b"json/plain" not in first.SerializeToString()
    assert first.data != second.data, "the same content twice must not look the same"
    assert first.metadata["encryption-key-id"] == b"old"
    assert await codec().decode([first, second]) == [clear(), clear()]


async def test_after_a_rotation_old_payloads_are_read_and_new_ones_use_the_new_key() -> None:
    (before,) = await codec().encode([clear()])
    rotated = codec("new", old=OLD, new=NEW)
    (after,) = await rotated.encode([clear()])
    assert after.metadata["encryption-key-id"] == b"new"
    assert await rotated.decode([before, after]) == [clear(), clear()]


async def test_a_key_that_is_not_on_the_ring_fails_closed() -> None:
    (sealed,) = await codec("new", new=NEW).encode([clear()])
    with pytest.raises(UnknownKeyError):
        await codec().decode([sealed])


@pytest.mark.parametrize("where", [0, 11, 12, -1], ids=["nonce", "end-of-nonce", "text", "tag"])
async def test_a_tampered_payload_fails(where: int) -> None:
    (sealed,) = await codec().encode([clear()])
    data = bytearray(sealed.data)
    data[where] ^= 1
    sealed.data = bytes(data)
    with pytest.raises(InvalidTag):
        await codec().decode([sealed])


async def test_a_payload_cannot_be_passed_off_as_another_keys() -> None:
    """The key's id is bound to the ciphertext: the same key under two names opens only under its own."""
    ring = codec("old", old=OLD, twin=OLD)
    (sealed,) = await ring.encode([clear()])
    sealed.metadata["encryption-key-id"] = b"twin"
    with pytest.raises(InvalidTag):
        await ring.decode([sealed])


async def test_what_was_never_sealed_is_passed_through() -> None:
    assert await codec().decode([clear()]) == [clear()]


@pytest.mark.parametrize(("keys", "active"), [({"a": OLD}, "b"), ({"a": OLD[:16]}, "a"), ({}, "a")])
def test_a_ring_that_cannot_work_is_refused(keys: dict[str, bytes], active: str) -> None:
    with pytest.raises(ValueError, match="key"):
        KeyRing(keys, active)


def test_a_ring_on_disk_is_its_owners_alone_and_never_made_twice(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    KeyRing.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_text()
    KeyRing.create(path)
    assert path.read_text() == first
    ring = KeyRing.read(path)
    (key,) = json.loads(first)["keys"].values()
    assert len(base64.b64decode(key)) == 32
    assert ring.open(*ring.seal(b"x")) == b"x"


async def test_failures_are_sealed_too() -> None:
    converter = data_converter(KeyRing({"old": OLD}, "old"))
    failure = Failure()
    try:
        try:
            raise ValueError(CANARY)  # noqa: TRY301 - a cause is what is wanted
        except ValueError as cause:
            raise ApplicationError(CANARY, {"name": CANARY}, type="refused") from cause
    except ApplicationError as error:
        await converter.encode_failure(error, failure)
    raw = failure.SerializeToString()
    assert CANARY.encode() not in raw
    assert Path(__file__).name.encode() not in raw, "not even the stack trace"
    assert failure.message == failure.cause.message == "Encoded failure"
    back = await converter.decode_failure(failure)
    assert isinstance(back, ApplicationError)
    assert (back.message, back.details, str(back.__cause__)) == (CANARY, ({"name": CANARY},), f"ValueError: {CANARY}")


def payloads(message: Proto) -> Iterator[Payload]:
    """Every payload anywhere in a message of the server's."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values: Any = value.values() if field.message_type.fields_by_name["value"].message_type else ()
        else:
            values = value if field.is_repeated else [value]
        for each in values:
            yield from payloads(each)


@pytest.mark.servers
async def test_a_history_read_from_the_server_as_it_lies_there_tells_nothing(
    postgres: Postgres, temporal_process: Temporal, key_file: Path
) -> None:
    async with a_world(postgres, await client_of(temporal_process, key_file)) as world:
        case = await world.case(flagged=True, trigger="LIFE")
        await case.do("acknowledge", "cpo.a")
        await case.refused("rule_out_emergency", "cpo.a", reason=CANARY)
        with pytest.raises(WorkflowUpdateFailedError):
            await case.handle.execute_update("command", _another(case.sent[0]), id=str(uuid4()))
        said = [case.sent[0].person_id, case.sent[0].position_id, "acknowledge", CANARY]
        open_eyes, raw_eyes = world.client, await Client.connect(
            temporal_process.address, namespace=world.client.namespace
        )  # fmt: skip
        events = [event async for event in raw_eyes.get_workflow_handle(case.handle.id).fetch_history_events()]
        found = [payload for event in events for payload in payloads(event)]
        assert len(found) >= 5
        # A local activity's marker names its activity and its times beside the sealed result; those are no content.
        sealed = [one for one in found if one.metadata["encoding"] == b"binary/encrypted"]
        for one in found:
            if one not in sealed:
                assert set(json.loads(one.data)) <= MARKER, one
        raw = b"".join(event.SerializeToString() for event in events)
        for word in said:
            assert str(word).encode() not in raw
        # The same words are there for those who have the key: the look above could have found them.
        opened = await open_eyes.data_converter.payload_codec.decode(sealed)  # type: ignore[union-attr]
        text = b"".join(one.data for one in opened)
        for word in said[:-1]:
            assert str(word).encode() in text
        failures = [one for event in events for one in _failures(event)]
        assert failures
        assert {one.message for one in failures} == {"Encoded failure"}


MARKER = {
    *("seq", "attempt", "activity_id", "activity_type", "complete_time", "backoff", "original_schedule_time"),
    "activation_index",
}  # fmt: skip
"""What the SDK writes in clear beside a local activity's result."""


def _another(command: Command) -> Command:
    return command.model_copy(update={"case_id": uuid4(), "recorded_at": MONDAY})


def _failures(message: Proto) -> Iterator[Failure]:
    if isinstance(message, Failure):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for each in value if field.is_repeated else [value]:
            yield from _failures(each)
