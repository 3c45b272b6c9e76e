"""Which hosts commands may reach: the rules of the operator, and names as strangers write them."""

import ipaddress
import re
from typing import Final

from attrs import frozen

DEFAULT_PORTS: Final = (80, 443)
MAX_NAME: Final = 253

_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMBER: Final = re.compile(
    r"[0-9]+|0x[0-9a-f]*", re.ASCII
)  # programs take such names as addresses
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # the IPv4 internet for hosts without
# Two versions of the standard disagree on what name is meant.
_AMBIGUOUS: Final = frozenset("\u00df\u03c2\u200c\u200d")


class NotAHost(ValueError):
    """The text names no host that may be asked for; its message is a clause that says why."""


@frozen(order=True)
class Endpoint:
    """A host, in lower case and ASCII, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@frozen
class HostRule:
    """One line of the operator's list; ``port``: null stands for the usual two.

    ``*`` as the first label stands for any one label.
    """

    host: str
    port: int | None = None

    def permits(self, asked: Endpoint) -> bool:
        """Whether a host that was asked for is meant by this line."""
        if asked.port not in (DEFAULT_PORTS if self.port is None else (self.port,)):
            return False
        if self.host.startswith("*."):
            return asked.host.partition(".")[2] == self.host[2:]
        return asked.host == self.host


def parse_rule(text: str) -> HostRule:
    """``example.org``, ``*.example.org``, ``example.org:8443``; raises NotAHost."""
    name, colon, port = text.partition(":")
    wild = name.startswith("*.")
    host = parse_host(_ascii(name[2:] if wild else name))
    if wild and "." not in host:
        raise NotAHost("a * needs two labels after it")
    return HostRule(f"*.{host}" if wild else host, _port(port) if colon else None)


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """``host:port`` as a client writes it; raises NotAHost for whatever is not exactly that."""
    host, colon, port = text.rpartition(":")
    if not colon:
        if default_port is None:
            raise NotAHost("there is no port")
        return Endpoint(parse_host(text), default_port)
    return Endpoint(parse_host(host), _port(port))


def parse_host(text: str) -> str:
    """A host's name in lower case; raises NotAHost for addresses and anything out of the ordinary.

    Only letters, digits and hyphens of ASCII, in labels between single dots: nothing that another
    program would read as another name.
    """
    if not text:
        raise NotAHost("there is no name")
    if not text.isascii() or not text.isprintable():
        raise NotAHost("it has characters that no name of a host has")
    if text.startswith("[") or _is_address(text):
        raise NotAHost("it is an address, not a name")
    host = text.lower()
    if len(host) > MAX_NAME:
        raise NotAHost(f"it is longer than {MAX_NAME} characters")
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAHost("it is not made of labels of letters, digits and hyphens")
    if _NUMBER.fullmatch(labels[-1]):
        raise NotAHost("it is an address, not a name")
    return host


def permitted(rules: tuple[HostRule, ...], asked: Endpoint) -> bool:
    """Whether some rule means it."""
    return any(rule.permits(asked) for rule in rules)


def is_public(address: str) -> bool:
    """Whether an address is one of the internet: not of this machine, its network, or a group.

    Addresses that carry another one inside are judged by both.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found in _NAT64:
        return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
    if not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = (found.ipv4_mapped, found.sixtofour, *(found.teredo or ()))
        return all(is_public(str(each)) for each in inner if each is not None)
    return True


def _port(text: str) -> int:
    if not _PORT.fullmatch(text) or int(text) > 65535:
        raise NotAHost("its port is not a number from 1 to 65535")
    return int(text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ascii(name: str) -> str:
    """A name in the operator's letters as it is asked for."""
    if name.isascii():
        return name
    if not _AMBIGUOUS.isdisjoint(name):
        raise NotAHost("it has letters that are read in two ways; write its xn-- form")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        raise NotAHost("it has characters that no name of a host has") from None
