"""Which addresses may be spoken to: web addresses as text, and the network addresses behind a name."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from caveat.errors import InputError

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*)?(?P<query>\?[A-Za-z0-9\-._~!$&'()*+,;=:@/?%|]*)?"
)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TRICKS: Final = re.compile(r"%(?:2e|2f|5c|00|25|0a|0d)|//|(?:^|/)\.\.?(?:/|$)|;", re.IGNORECASE)
_PORTS: Final = {"https": 443, "http": 80}
_LONGEST: Final = 8192
_NEVER: Final = (ipaddress.ip_network("0.0.0.0/8"), ipaddress.ip_network("240.0.0.0/4"))
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Url:
    """A web address in its one canonical form: host in lower case, the port always named."""

    scheme: str
    host: str
    port: int
    path: str
    query: str = ""

    @property
    def base(self) -> Url:
        """Without query and without a slash at the end: what servers are compared by."""
        return Url(self.scheme, self.host, self.port, self.path.rstrip("/"))

    def holds(self, other: Url) -> bool:
        """Whether the other address lies at or below this base: same scheme, host, port and path."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        mine = self.path.rstrip("/")
        return other.path.rstrip("/") == mine or other.path.startswith(mine + "/")

    def __str__(self) -> str:
        named = "" if self.port == _PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self.host}{named}{self.path}{self.query}"


def parse(text: str) -> Url:
    """The address that the text is. Raises InputError, without repeating the text, for anything unusual.

    Refused are: other schemes than http and https, user and password, fragments, control characters,
    blanks, backslashes, letters beyond ASCII (write a name as `xn--...`), a host that is a number in
    another form than `1.2.3.4`, dots and slashes in disguise, and a path that climbs.
    """
    found = _URL.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        raise _bad("it is no plain http or https address")
    scheme, path = found["scheme"].lower(), found["path"] or ""
    if scheme not in _PORTS:
        raise _bad("it must begin with https://")
    if _TRICKS.search(path):
        raise _bad("its path has dots, slashes or escapes that could lead elsewhere")
    port = int(found["port"]) if found["port"] is not None else _PORTS[scheme]
    if not 0 < port < 65536:
        raise _bad("its port is none")
    return Url(scheme, _host(found["host"].lower()), port, path, found["query"] or "")


def _host(host: str) -> str:
    if host.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            raise _bad("its host is no IPv6 address") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise _bad("its host is a number that is no plain IPv4 address") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _bad("its host is no name")
    return host


def _bad(why: str) -> InputError:
    return InputError(f"an address cannot be used: {why}", code="address")


def is_loopback_host(url: Url) -> bool:
    """Whether the host is this machine by its own words: `localhost`, 127.x.x.x or ::1."""
    if url.host == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.host.strip("[]")).is_loopback
    except ValueError:
        return False


def refused(text: str, *, private: bool) -> bool:
    """Whether a resolved network address may not be connected to.

    Public addresses may. With `private`, those of private networks and of this machine may too.
    Link-local ones (where clouds keep credentials), multicast, reserved and unspecified ones never
    may, nor what is no address, nor an address that carries such a one inside.
    """
    try:
        address: Address = ipaddress.ip_address(text)
    except ValueError:
        return True
    return any(_refused(one, private) for one in (address, *_inside(address)))


def _refused(address: Address, private: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return True
    if isinstance(address, ipaddress.IPv4Address):
        if any(address in network for network in _NEVER):
            return True
    elif address.scope_id is not None or address.is_site_local:
        return True
    elif address.ipv4_mapped is not None or address in _NAT64:
        return False  # judged by the address inside
    if private:
        return address.is_reserved and not (address.is_loopback or address.is_private or address.is_global)
    return not address.is_global or address.is_private or address.is_reserved


def _inside(address: Address) -> tuple[Address, ...]:
    """IPv4 addresses that an IPv6 address stands for: mapped, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found: list[Address] = [one for one in (address.ipv4_mapped, address.sixtofour) if one is not None]
    found += address.teredo or ()
    if address in _NAT64:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(found)
