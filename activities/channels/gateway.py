"""SMS and voice through an HTTP gateway of the operator's choice.

``POST {gateway_url}/messages`` with a bearer token and the JSON
``{"channel": "sms" | "voice", "to", "text", "language", "reference"}``. ``Idempotency-Key`` and ``reference`` are the
notice's id: a message in doubt is sent again under the same one, and the gateway's receipt names it.
"""

from http import HTTPStatus

import httpx

from activities.channels.message import Message, Rejected, Unreachable
from models.settings import Settings

_SECONDS = 15.0
_LATER = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # our token's fault, not the message's
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,  # our address's fault
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # the first copy is still being worked on
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


class Gateway:
    """The configured gateway.

    Args:
        settings: ``gateway_url`` and ``gateway_token``.
    """

    def __init__(self, settings: Settings) -> None:
        token = settings.gateway_token.get_secret_value()
        self._url = f"{settings.gateway_url.rstrip('/')}/messages"
        self._client = httpx.AsyncClient(
            timeout=_SECONDS, headers={"Authorization": f"Bearer {token}"} if token else None, trust_env=False
        )

    async def send(self, message: Message) -> None:
        """Hand a message over.

        Raises:
            Rejected: the gateway will not take it (4xx that speaks of the message).
            Unreachable: no answer, 5xx, too many at once, or a token or address it does not accept.
        """
        try:
            answer = await self._client.post(
                self._url,
                headers={"Idempotency-Key": str(message.id)},
                json={
                    "channel": message.channel,
                    "to": message.to,
                    "text": message.text,
                    "language": message.language,
                    "reference": str(message.id),
                },
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"gateway-{type(error).__name__}") from error
        if answer.is_success:
            return
        code = f"gateway-{answer.status_code}"
        if answer.is_client_error and answer.status_code not in _LATER:
            raise Rejected(code)
        raise Unreachable(code)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()
