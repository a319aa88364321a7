"""E-mail by SMTP (RFC 5321): plain text, under the Message-ID of its notice, so a second copy is known as one."""

import asyncio
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime

import aiosmtplib

from activities.channels.message import Message, Rejected, Unreachable
from models.settings import Settings

_SECONDS = 20.0
_PERMANENT = 500


class Smtp:
    """One connection to the configured server, opened when needed and used by one sender at a time.

    Args:
        settings: ``smtp_*`` and ``mail_from``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._client: aiosmtplib.SMTP | None = None

    async def send(self, message: Message) -> None:
        """Hand a mail to the server.

        Raises:
            Rejected: the server refuses this recipient or this message for good (5xx).
            Unreachable: anything else: no connection, 4xx, a dropped connection, a sign-in or sender that is not
            accepted
                (that is our configuration's fault, not the message's).
        """
        async with self._lock:
            try:
                client = await self._connected()
                await client.send_message(
                    self._written(message), sender=self._settings.mail_from, recipients=[message.to]
                )
            # After a refusal aiosmtplib has reset the transaction, so the connection serves the next mail.
            except aiosmtplib.SMTPRecipientsRefused as error:
                code = max((refused.code for refused in error.recipients), default=0)
                raise _judged(code, "recipient") from error
            except aiosmtplib.SMTPDataError as error:
                raise _judged(error.code, "data") from error
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                await self._drop()
                code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
                raise Unreachable(f"smtp-{code}" if code else f"smtp-{type(error).__name__}") from error

    async def close(self) -> None:
        """Say goodbye to the server."""
        async with self._lock:
            await self._drop(politely=True)

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        s = self._settings
        client = aiosmtplib.SMTP(
            hostname=s.smtp_host,
            port=s.smtp_port,
            username=s.smtp_username or None,
            password=s.smtp_password.get_secret_value() or None,
            start_tls=s.smtp_start_tls,
            timeout=_SECONDS,
        )
        await client.connect()
        self._client = client
        return client

    async def _drop(self, *, politely: bool = False) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if politely and client.is_connected:
            try:
                await client.quit()
            except (aiosmtplib.SMTPException, OSError, TimeoutError):
                client.close()
            return
        client.close()

    def _written(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=WIRE)
        mail["From"] = self._settings.mail_from
        mail["To"] = message.to
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = message.message_id
        mail["Content-Language"] = message.language
        # RFC 3834: no holiday notice is to come back to us.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text, cte="base64")
        return mail


def _judged(code: int, what: str) -> Rejected | Unreachable:
    return Rejected(f"smtp-{what}-{code}") if code >= _PERMANENT else Unreachable(f"smtp-{what}-{code}")
