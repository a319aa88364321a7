"""Where the sealed bytes of attachments lie: a folder of this machine, or a bucket. Nothing in clear gets here."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

PIECE: Final = 5 * 1024 * 1024
"""Bytes of one part of an upload; a bucket takes no smaller ones."""
_STAGED: Final = re.compile(r"#\d+$")


class StoreAwayError(Exception):
    """The store does not answer, or has not what the record says it has. Its message names no person."""


class ObjectStore:
    """A store of objects by opaque names.

    Args:
        url: ``s3://bucket/prefix`` (keys and endpoint from ``AWS_*``); empty for the folder.
        folder: where objects lie when no URL is given.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = None if url else folder

    @cached_property
    def _store(self) -> Any:
        """Made when it is first needed: a process that stores nothing makes no folder."""
        if self._folder is None:
            return from_url(self._url)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(self._folder)

    async def put(self, name: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object, whole or not at all.

        Raises:
            StoreAwayError: it could not be stored. What the pieces raise is raised as it is.
        """
        failed: list[BaseException] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for piece in pieces:
                    yield piece
            except BaseException as error:
                failed.append(error)
                raise

        try:
            await obstore.put_async(
                self._store, name, watched(), use_multipart=True, chunk_size=PIECE, max_concurrency=2
            )
        except Exception as error:  # noqa: BLE001 - whatever the store's library makes of it
            if failed:
                raise failed[0] from None
            raise StoreAwayError(type(error).__name__) from None

    async def get(self, name: str) -> AsyncIterator[bytes]:
        """The bytes of an object, as they come.

        Raises:
            StoreAwayError: it is not there, or the store is not.
        """
        try:
            found = await obstore.get_async(self._store, name)
        except (BaseError, OSError) as error:
            raise StoreAwayError(type(error).__name__) from None
        return _pieces(found.stream())

    async def delete(self, name: str) -> None:
        """Remove an object; one that is not there is left alone."""
        with suppress(FileNotFoundError, obstore.exceptions.NotFoundError):
            await obstore.delete_async(self._store, name)

    async def older_than(self, instant: datetime) -> AsyncIterator[list[str]]:
        """Names of objects stored before an instant, in batches; of broken-off uploads too, where it is a folder."""
        async for batch in obstore.list(self._store):
            yield [one["path"] for one in batch if one["last_modified"] < instant]
        if self._folder is not None:
            yield [
                path.name
                for path in self._folder.iterdir()
                if _STAGED.search(path.name) and path.stat().st_mtime < instant.timestamp()
            ]

    async def sweep(self, names: list[str]) -> None:
        """Remove objects, and what broken-off uploads left."""
        for name in names:
            if self._folder is not None and _STAGED.search(name):
                (self._folder / name).unlink(missing_ok=True)
            else:
                await self.delete(name)


async def _pieces(stream: Any) -> AsyncIterator[bytes]:
    try:
        async for piece in stream:
            yield bytes(piece)
    except (BaseError, OSError) as error:
        raise StoreAwayError(type(error).__name__) from None
