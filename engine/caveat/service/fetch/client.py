"""Asks the FHIR servers of the configuration, and no others, for what a prefetch lacks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import InputError
from caveat.service.config import Fetching
from caveat.service.fetch.addresses import Url, is_loopback_host, parse
from caveat.service.fetch.failed import Failed, NotFetched
from caveat.service.fetch.network import Checked, Resolver, resolve
from caveat.service.fetch.pages import Pages, following

if TYPE_CHECKING:
    import ssl

    from httpcore import AsyncConnectionPool

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_QUERY: Final = re.compile(r"(?P<kind>[A-Z][A-Za-z]+)(?:/[A-Za-z0-9\-._]+|\?[A-Za-z0-9\-._~:/,|=&%]*)")
_JSON: Final = re.compile(r"application/(?:fhir\+)?json\s*(?:;.*)?", re.IGNORECASE)
_KEYS: Final = re.compile(r"application/(?:jwk-set\+)?json\s*(?:;.*)?", re.IGNORECASE)
_CONNECTIONS: Final = 128
_IDLE_SECONDS: Final = 30.0


class Budget:
    """How many more bytes may be read, shared by everything that is fetched for one call."""

    __slots__ = ("left",)

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, count: int) -> None:
        """Raises NotFetched with `size` when more was read than allowed."""
        self.left -= count
        if self.left < 0:
            raise NotFetched(Failed("size"))


class Fetcher:
    """Fetches over https from allow-listed servers, within limits of time, size and pages.

    `resolver` and `ssl_context` are for tests and for sites with their own. Plain http is spoken to
    a loopback host alone, when `insecure_dev` is on and that server is configured `private`. No
    redirect is followed, no proxy of the environment is used, nothing is kept of a token, and what
    goes wrong is a code: neither a message nor a log line holds an address, a patient or a token.
    """

    def __init__(
        self,
        fetching: Fetching,
        *,
        insecure_dev: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
    ) -> None:
        self._limits = fetching
        self._dev = insecure_dev
        self._ssl = ssl_context
        self._resolver = resolver
        self._pools: dict[bool, AsyncConnectionPool] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: dict[Url, bool] = {}
        for number, server in enumerate(fetching.servers):
            try:
                base = parse(server.base)
                self._secure(base, server.private)
            except InputError as error:
                place = f"fetching.servers[{number}].base"
                raise InputError(error.message, code=error.code, path=place, hint=error.hint) from None
            if base.query:
                raise InputError("the base of a FHIR server has no query", code="address")
            self._servers[base.base] = server.private
        # The HTTP library writes headers of answers at its debug level; those are never wanted in a log.
        logging.getLogger("httpcore").setLevel(logging.WARNING)

    def __repr__(self) -> str:
        return f"Fetcher({len(self._servers)} servers)"

    def allows(self, base: str | None) -> bool:
        """Whether this FHIR server may be asked."""
        return self._allowed(base) is not None

    async def fetch(
        self, base: str, token: str | None, wanted: Mapping[str, str]
    ) -> Mapping[str, bytes | Failed]:
        """For each key the answer to its query (a resource, or all pages of a search in one Bundle).

        `wanted` holds queries relative to `base`, such as `Patient/1`. Every key is in the result; one
        that failed says why. Never raises. All keys together take no longer than
        `fetching.milliseconds`; the pages read by then are given, with a next link that says there
        are more.
        """
        allowed = self._allowed(base)
        if allowed is None:
            return dict.fromkeys(wanted, Failed("not-allowed"))
        if token and not _TOKEN.fullmatch(token):
            return dict.fromkeys(wanted, Failed("token"))
        server, private = allowed
        headers = [(b"Accept", b"application/fhir+json"), (b"Accept-Encoding", b"identity")]
        if token:
            headers.append((b"Authorization", b"Bearer " + token.encode("ascii")))
        pages: dict[str, Pages] = {}
        tasks: dict[str, asyncio.Task[Failed | None]] = {}
        budget = Budget(self._limits.bytes)
        for key, query in wanted.items():
            shape = _QUERY.fullmatch(query)
            pages[key] = Pages("" if shape is None else "Bundle" if "?" in query else shape["kind"])
            if shape is None:
                continue
            collect = self._collect(server, query, private, headers, budget, pages[key])
            tasks[key] = asyncio.create_task(collect)
        if tasks:
            await self._finish(tasks)
        return {key: _outcome(tasks.get(key), pages[key]) for key in wanted}

    async def get_json(self, url: str, *, most_bytes: int, seconds: float, private: bool = False) -> bytes:
        """The JSON document (such as a key set) at an address that the caller allow-lists.

        The same rules as for FHIR servers: https, checked addresses, no redirect, limits of size and
        time. Raises NotFetched.
        """
        try:
            address = parse(url)
            self._secure(address, private)
        except InputError:
            raise NotFetched(Failed("not-allowed")) from None
        headers = [(b"Accept", b"application/json"), (b"Accept-Encoding", b"identity")]
        try:
            async with asyncio.timeout(seconds):
                return await self._get(address, private, headers, Budget(most_bytes), _KEYS)
        except TimeoutError:
            raise NotFetched(Failed("time")) from None

    async def close(self) -> None:
        """Closes every connection."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    def _allowed(self, base: str | None) -> tuple[Url, bool] | None:
        try:
            found = parse(base or "")
        except InputError:
            return None
        private = None if found.query else self._servers.get(found.base)
        return None if private is None else (found.base, private)

    def _secure(self, url: Url, private: bool) -> None:
        if url.scheme != "https" and not (self._dev and private and is_loopback_host(url)):
            raise InputError(
                "a server must be spoken to over https",
                code="address",
                hint="Plain http is for a loopback host marked private, under insecure_dev",
            )

    async def _finish(self, tasks: Mapping[str, asyncio.Task[Failed | None]]) -> None:
        """Waits for all tasks until the time is up; none is left running, even when the call is cancelled."""
        try:
            await asyncio.wait(tasks.values(), timeout=self._limits.milliseconds / 1000)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _collect(
        self,
        server: Url,
        query: str,
        private: bool,
        headers: list[tuple[bytes, bytes]],
        budget: Budget,
        pages: Pages,
    ) -> Failed | None:
        """Reads pages until there is no more; why it stopped before, else None."""
        try:
            url = parse(f"{server}/{query.replace('|', '%7C')}")
            seen: list[str] = []
            while True:
                seen.append(str(url))
                wrong = pages.add(await self._get(url, private, headers, budget, _JSON))
                if wrong is not None or pages.further is None or len(seen) >= self._limits.pages:
                    return wrong
                if _is_latest_only(query):
                    return None
                page = following(server, pages.further, seen)
                if page is None:
                    return Failed("not-allowed")
                url = page
        except NotFetched as error:
            return error.failed
        except InputError:
            return Failed("query")
        except Exception:
            # Whatever the client raised may hold an address or a header: only that it failed is told.
            return Failed("fault")

    async def _get(
        self,
        url: Url,
        private: bool,
        headers: list[tuple[bytes, bytes]],
        budget: Budget,
        types: re.Pattern[str],
    ) -> bytes:
        try:
            return await self._once(url, private, headers, budget, types)
        except NotFetched as error:
            if error.failed.code != "protocol":
                raise
        # A kept connection may have been closed by the server at this moment; a new one tells.
        return await self._once(url, private, headers, budget, types)

    async def _once(
        self,
        url: Url,
        private: bool,
        headers: list[tuple[bytes, bytes]],
        budget: Budget,
        types: re.Pattern[str],
    ) -> bytes:
        with _translated():
            async with self._pool(private).stream("GET", str(url), headers=headers) as response:
                _check(response.status, response.headers, types, budget)
                body = bytearray()
                async for chunk in _chunks(response):
                    budget.take(len(chunk))
                    body += chunk
                return bytes(body)

    def _pool(self, private: bool) -> AsyncConnectionPool:
        import ssl

        from httpcore import AsyncConnectionPool

        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._pools, self._loop = {}, loop
        if private not in self._pools:
            network: Any = Checked(self._resolver, private=private)
            if self._ssl is None:
                self._ssl = ssl.create_default_context()
            self._pools[private] = AsyncConnectionPool(
                ssl_context=self._ssl,
                max_connections=_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
                network_backend=network,
            )
        return self._pools[private]


def _outcome(task: asyncio.Task[Failed | None] | None, pages: Pages) -> bytes | Failed:
    """The pages read so far; where there is none, why."""
    if pages.count:
        return pages.whole()
    if task is None:
        return Failed("query")
    if task.cancelled():
        return Failed("time")
    return task.result() or Failed("fault")


def _is_latest_only(query: str) -> bool:
    """Whether a search asks for its newest results alone: what lies beyond its first page is not wanted."""
    return "_count=" in query and "_sort=-" in query


def _check(status: int, headers: list[tuple[bytes, bytes]], types: re.Pattern[str], budget: Budget) -> None:
    named = {name.lower(): value.decode("latin-1").strip() for name, value in headers}
    if 300 <= status < 400:
        raise NotFetched(Failed("redirect"))
    if status != 200:
        raise NotFetched(Failed("status", status))
    if named.get(b"content-encoding", "identity").lower() != "identity":
        raise NotFetched(Failed("encoding"))
    if not types.fullmatch(named.get(b"content-type", "")):
        raise NotFetched(Failed("content-type"))
    stated = named.get(b"content-length", "")
    if stated.isascii() and stated.isdigit() and (len(stated) > 12 or int(stated) > budget.left):
        raise NotFetched(Failed("size"))


async def _chunks(response: Any) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_stream():
        yield chunk


@contextlib.contextmanager
def _translated() -> Any:
    """What the HTTP client raises, as a code; its own messages may hold headers."""
    import httpcore

    try:
        yield
    except (httpcore.TimeoutException, TimeoutError):
        raise NotFetched(Failed("time")) from None
    except httpcore.ConnectError:
        raise NotFetched(Failed("connect")) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
        raise NotFetched(Failed("protocol")) from None
