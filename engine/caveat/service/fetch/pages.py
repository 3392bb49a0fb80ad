"""Answers of a FHIR server: what kind they are, their next page, and the pages of a search as one Bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urljoin

import msgspec

from caveat.errors import InputError
from caveat.service.fetch.addresses import Url, parse
from caveat.service.fetch.failed import Failed

FURTHER: Final = "urn:caveat:page-not-fetched"
"""Stands where the address of a page stood that was not fetched: it says that there is one, and not where."""


class _Link(msgspec.Struct):
    relation: Any = None
    url: Any = None


class _Answer(msgspec.Struct):
    resourceType: str = ""
    total: Any = None
    link: list[_Link] | None = None
    entry: list[msgspec.Raw] | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Pages:
    """The pages of one search, or the one resource of a read, collected as they come."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._entries: list[bytes] = []
        self._total: int | None = None
        self._first: bytes = b""
        self.count = 0
        self.further: str | None = None
        """The address of the next page, as the server gave it."""

    def add(self, body: bytes) -> Failed | None:
        """Takes a body in; what is wrong with it otherwise."""
        try:
            body.decode()
            found = _ANSWER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Failed("json")
        if found.resourceType == "OperationOutcome":
            return Failed("outcome")
        if found.resourceType != self._kind:
            return Failed("kind")
        if not self.count:
            self._first = body
            total = found.total
            self._total = total if isinstance(total, int) and not isinstance(total, bool) else None
        self.count += 1
        self._entries += (bytes(one) for one in found.entry or ())
        following = [one.url for one in found.link or () if one.relation == "next"]
        self.further = None if not following else following[0] if isinstance(following[0], str) else ""
        return None

    def whole(self) -> bytes:
        """Everything collected, as one resource; a page that is lacking is still announced in it."""
        if self._kind != "Bundle" or (self.count == 1 and self.further is None):
            return self._first
        parts = [b'{"resourceType":"Bundle","type":"searchset"']
        if self._total is not None:
            parts.append(b',"total":%d' % self._total)
        if self.further is not None:
            parts.append(b',"link":[{"relation":"next","url":"%s"}]' % FURTHER.encode())
        if self._entries:
            parts.append(b',"entry":[' + b",".join(self._entries) + b"]")
        return b"".join(parts) + b"}"


def following(base: Url, link: str, seen: Sequence[str]) -> Url | None:
    """The next page where it may be asked for: on the same base, and not asked for before; else None."""
    if not link:
        return None
    try:
        found = parse(urljoin(f"{base}/", link) if "://" not in link else link)
    except (InputError, ValueError):
        return None
    return found if base.holds(found) and str(found) not in seen else None
