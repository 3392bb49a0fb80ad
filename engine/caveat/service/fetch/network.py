"""Connections to checked addresses: a name is resolved once, and what was checked is connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from caveat.service.fetch.addresses import refused
from caveat.service.fetch.failed import Failed, NotFetched

if TYPE_CHECKING:
    from httpcore import AsyncNetworkStream

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host, as text."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system gives for a host. Raises OSError when there are none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Checked:
    """The network as the HTTP client sees it: no host is reached but by an address that may be.

    The name is resolved here and nowhere else, so that it cannot mean another address when the
    connection is made. One refused address among several refuses the host: an honest name does not
    mix them. TLS, begun on the connection afterwards, still proves the name.
    """

    def __init__(self, resolver: Resolver, *, private: bool) -> None:
        from httpcore import AnyIOBackend

        self._inner = AnyIOBackend()
        self._resolver = resolver
        self._private = private

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the host. Raises NotFetched with `dns`, `address` or `connect`."""
        from httpcore import ConnectError, ConnectTimeout

        failed = Failed("connect")
        for address in await self._addresses(host.strip("[]"), port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except ConnectTimeout:
                failed = Failed("time")
            except ConnectError:
                failed = Failed("connect")
        raise NotFetched(failed)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            try:
                found = await self._resolver(host, port)
            except (OSError, UnicodeError):
                raise NotFetched(Failed("dns")) from None
        if not found:
            raise NotFetched(Failed("dns"))
        if any(refused(one, private=self._private) for one in found):
            raise NotFetched(Failed("address"))
        return found

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> AsyncNetworkStream:
        """Never: there is none to be asked for."""
        raise NotFetched(Failed("connect"))

    async def sleep(self, seconds: float) -> None:
        """A pause between retries, of which there are none."""
        await asyncio.sleep(seconds)
