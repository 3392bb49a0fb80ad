"""Compressed bodies, taken apart no further than a limit."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from caveat.service.problems import Fault, Refused

PIECE: Final = 256 * 1024
"""The most bytes that come out at a time."""


class Body(Protocol):
    """Turns what arrives into what was meant."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of the body."""

    def end(self) -> None:
        """Say that nothing follows."""


class Plain:
    """A body as it is."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The same bytes."""
        if data:
            yield data

    def end(self) -> None:
        """A plain body may end anywhere."""


class Inflated:
    """A gzip or deflate body. Refused (400) where it is broken, cut off, or followed by more."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflater = zlib.decompressobj(31) if coding == "gzip" else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decoded pieces, each made when it is asked for."""
        if not data:
            return
        if self._inflater is None:
            # zlib's header as RFC 9110 has it, or none, as some clients send; its low bits are 8 and a window
            self._inflater = zlib.decompressobj(15 if data[0] & 0x8F == 8 else -15)
        if self._inflater.eof:
            raise _broken(self._coding, "more follows behind its end")
        while True:
            try:
                piece = self._inflater.decompress(data, PIECE)
            except zlib.error:
                raise _broken(self._coding, "it cannot be decoded") from None
            if self._inflater.unused_data:
                raise _broken(self._coding, "more follows behind its end")
            if piece:
                yield piece
            data = self._inflater.unconsumed_tail
            if not data and len(piece) < PIECE:
                return

    def end(self) -> None:
        """Refuse a body that is cut off."""
        if self._inflater is None or not self._inflater.eof:
            raise _broken(self._coding, "it is cut off")


def body_of(codings: list[str]) -> Body:
    """How to read a body with these Content-Encoding headers. Refused (415) but for gzip and deflate."""
    named = [name.strip().lower() for line in codings for name in line.split(",")]
    named = [name for name in named if name not in ("", "identity")]
    if not named:
        return Plain()
    if len(named) == 1 and named[0] in ("gzip", "x-gzip", "deflate"):
        return Inflated("deflate" if named[0] == "deflate" else "gzip")
    raise Refused(
        415,
        "the body is encoded in a way that is not read",
        (Fault("content-encoding", "one of gzip and deflate is read", "Content-Encoding"),),
        (("Accept-Encoding", "gzip, deflate"),),
    )


def _broken(coding: str, why: str) -> Refused:
    return Refused(
        400, f"the body is not {coding}", (Fault("content-encoding", f"{why}; send it whole or plain"),)
    )
