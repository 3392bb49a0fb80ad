"""Which web pages may call from a browser, and read the answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

Header = tuple[bytes, bytes]

METHODS: Final = b"GET, POST"
HEADERS: Final = b"Authorization, Content-Type"
EXPOSED: Final = b"X-Caveat-Evaluation, X-Caveat-Ruleset, Retry-After, WWW-Authenticate"
_KEPT_SECONDS: Final = b"600"


class Origins:
    """Origins of the allow-list, compared as they stand; `*` is none.

    A token travels in a header that the page sets itself, so no cookie is ever allowed along.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(origin.encode() for origin in allowed)

    def answer(self, origins: list[bytes]) -> list[Header]:
        """Headers for the answer to a call from a page; only `Vary` where the page is not listed."""
        if not self._allowed:
            return []
        vary = (b"vary", b"Origin")
        if len(origins) != 1 or origins[0] not in self._allowed:
            return [vary]
        return [
            vary,
            (b"access-control-allow-origin", origins[0]),
            (b"access-control-expose-headers", EXPOSED),
        ]

    def preflight(self, origins: list[bytes]) -> list[Header] | None:
        """Headers for the answer to a browser that asks first; None where the page is not listed."""
        if len(origins) != 1 or origins[0] not in self._allowed:
            return None
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origins[0]),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", HEADERS),
            (b"access-control-max-age", _KEPT_SECONDS),
        ]
