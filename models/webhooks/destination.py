"""Where webhooks may go: addresses of the public internet, and networks the operator names. Never into our own house.

An address of an agency is typed by an administrator, and a name may point anywhere tomorrow: what it points at is
judged each time, of the very address that is connected to.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from models.directory.sheets import WEBHOOK

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST: Final = 400
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class BadDestinationError(Exception):
    """Nothing is sent there. ``code`` says why: ``webhook``, ``private-address``.

    Args:
        code: why.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Destinations:
    """What may be sent to.

    Attributes:
        networks: networks beside the public internet: that of the offices of state, for example.
        local: the service is for this very machine alone: its own addresses too, and without TLS.
    """

    networks: tuple[Network, ...] = ()
    local: bool = False

    @classmethod
    def of(cls, networks: str, *, local: bool) -> "Destinations":
        """Of networks with commas between.

        Raises:
            ValueError: one is none.
        """
        named = [one.strip() for one in networks.split(",") if one.strip()]
        return cls(tuple(ipaddress.ip_network(one) for one in named), local)

    def check_url(self, url: str) -> None:
        """Whether a URL may be an endpoint: https, no user, no parameters, and no address of our own house.

        Raises:
            BadDestinationError: it may not.
        """
        secure = url.replace("http://", "https://", 1) if self.local else url
        if len(url) > LONGEST or not WEBHOOK.fullmatch(secure):
            raise BadDestinationError("webhook")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise BadDestinationError("webhook") from None
        if not host.strip(".") or port == 0:
            raise BadDestinationError("webhook")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if host == "localhost" or host.endswith(".localhost"):
                self.check([ipaddress.ip_address("127.0.0.1")])
            return
        self.check([address])

    def check(self, addresses: Sequence[Address]) -> None:
        """Whether all that a name points at may be connected to.

        Raises:
            BadDestinationError: there is none, or one may not.
        """
        if not addresses or not all(self._open(one) for one in addresses):
            raise BadDestinationError("private-address")

    def _open(self, address: Address) -> bool:
        inner = _inner(address)
        if inner is not None:
            return self._open(inner)
        if any(address in network for network in self.networks if network.version == address.version):
            return True
        if self.local and address.is_loopback:
            return True
        return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: Address) -> Address | None:
    """The IPv4 address an IPv6 address carries inside, by whatever way of carrying."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.teredo[1] if address.teredo is not None else None
