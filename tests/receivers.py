"""Where notices arrive in the tests: a small SMTP server and a small HTTP gateway, real sockets both.

They can be told to refuse, to drop the line after having taken a message, or to be slow.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast


@dataclass
class Mailbox:
    """An SMTP server (RFC 5321, what a sender needs of it) and what it was given."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, str]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    """Recipient address → reply line instead of 250."""
    drop_after_data: int = 0
    """How many times the line is dropped after a mail was taken and before the sender hears so."""
    after_data: str = ""
    """Reply line to a whole mail instead of 250."""
    connections: int = 0

    def message_ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        envelope: dict[str, str] = {}
        try:
            await _say(writer, "220 mailbox ESMTP")
            while line := (await reader.readline()).decode().strip():
                verb = line.split(maxsplit=1)[0].upper()
                if verb == "DATA":
                    await _say(writer, "354 go on")
                    self._take(await reader.readuntil(b"\r\n.\r\n"), envelope)
                    if self.drop_after_data:
                        self.drop_after_data -= 1
                        return
                    await _say(writer, self.after_data or "250 taken")
                else:
                    await _say(writer, self._reply(verb, line, envelope))
                if verb == "QUIT":
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def _reply(self, verb: str, line: str, envelope: dict[str, str]) -> str:
        if verb == "QUIT":
            return "221 bye"
        if verb == "MAIL" and envelope:
            return "503 one mail at a time"
        if verb == "RSET":
            envelope.clear()
        if verb in ("MAIL", "RCPT"):
            envelope[verb] = line[line.index("<") + 1 : line.index(">")]
        return self.refuse.get(envelope["RCPT"], "250 ok") if verb == "RCPT" else "250 ok"

    def _take(self, raw: bytes, envelope: dict[str, str]) -> None:
        mail = message_from_bytes(raw[:-3].replace(b"\r\n..", b"\r\n."), policy=default)
        self.mails.append(cast("EmailMessage", mail))
        self.envelopes.append((envelope["MAIL"], envelope["RCPT"]))
        if not self.after_data:
            envelope.clear()


@dataclass
class Gateway:
    """An HTTP gateway for SMS and voice, and what it was asked to send."""

    port: int = 0
    requests: list[dict[str, Any]] = field(default_factory=list)
    answer: Callable[[dict[str, Any]], int] = lambda _: 202
    """The status for a request; 0 takes it and drops the line."""
    slow: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def of(self, channel: str) -> list[dict[str, Any]]:
        return [one for one in self.requests if one["channel"] == channel]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := (await reader.readline()).decode().strip():
                method, path, _ = first.split()
                headers: dict[str, str] = {}
                while line := (await reader.readline()).decode().strip():
                    name, value = line.split(":", 1)
                    headers[name.lower()] = value.strip()
                body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
                request = {**body, "key": headers.get("idempotency-key"), "auth": headers.get("authorization")}
                self.requests.append({**request, "method": method, "path": path})
                await asyncio.sleep(self.slow)
                status = self.answer(request)
                if not status:
                    return
                writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _say(writer: asyncio.StreamWriter, line: str) -> None:
    writer.write(f"{line}\r\n".encode())
    await writer.drain()


@asynccontextmanager
async def mailbox(port: int = 0) -> AsyncIterator[Mailbox]:
    """A running SMTP server on a port of its own."""
    box = Mailbox()
    server = await asyncio.start_server(box.serve, "127.0.0.1", port)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


@asynccontextmanager
async def gateway(port: int = 0) -> AsyncIterator[Gateway]:
    """A running gateway on a port of its own."""
    made = Gateway()
    server = await asyncio.start_server(made.serve, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
"""What every scanner takes for harmful and is not."""


@dataclass
class Scanner:
    """What clamd does of its protocol (``zINSTREAM``), and what it was given."""

    address: str = ""
    seen: list[bytes] = field(default_factory=list)
    reply: bytes = b""
    """Said instead of a verdict."""
    drop: int = 0
    """How many times the line is dropped in the middle of a file."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
            said = b""
            while length := int.from_bytes(await reader.readexactly(4), "big"):
                said += await reader.readexactly(length)
                if self.drop:
                    self.drop -= 1
                    return
            self.seen.append(said)
            found = b"stream: Eicar-Signature FOUND" if EICAR in said else b"stream: OK"
            writer.write((self.reply or found) + b"\0")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def scanner(path: str = "") -> AsyncIterator[Scanner]:
    """A running scanner; on a Unix socket where a path is given."""
    made = Scanner()
    if path:
        server = await asyncio.start_unix_server(made.serve, path)
        made.address = path
    else:
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


@dataclass
class Received:
    """What a system of an agency was sent, to the letter."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Hook:
    """A system of an agency that takes webhooks, and what it took. It knows nothing of how they are made."""

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda _: 204
    """The status for a request; 0 takes it and drops the line."""
    more: str = ""
    """Further lines of the answer's head."""
    tls: bool = False
    taken: list[Received] = field(default_factory=list)
    """Those it said yes to."""

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/an-nhi"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := (await reader.readline()).decode().strip():
                headers: dict[str, str] = {}
                while line := (await reader.readline()).decode().strip():
                    name, value = line.split(":", 1)
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                one = Received(headers, body, first.split()[1])
                self.requests.append(one)
                status = self.answer(one)
                if not status:
                    return
                if status < 300:
                    self.taken.append(one)
                writer.write(f"HTTP/1.1 {status} x\r\n{self.more}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def hook(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hook]:
    """A running system of an agency, on a port of its own unless told which."""
    made = Hook(tls=tls is not None)
    server = await asyncio.start_server(made.serve, "127.0.0.1", port, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
