"""A block of NDJSON decoded at once, and its lines by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from caveat.adapters.fhir import decode
from caveat.adapters.fhir.bulk.thin import THIN

_MISFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_BREAK: Final = 10
_RETURN: Final = 13
_OPEN: Final = ord("{")
_CLOSED: Final = ord("}")
_PATIENCE: Final = 8
"""Blocks in a row that hold a line that does not fit; then lines are decoded one at a time for a while."""


class Lines:
    """What each line of a block was decoded to, None where it could not be."""

    def __init__(self, data: bytes, end: int, found: Sequence[Any], breaks: Any) -> None:
        self.found = found
        self._data, self._end, self._breaks = data, end, breaks

    def text(self, at: int) -> bytes:
        """The line without its end."""
        begin = int(self._breaks[at - 1]) + 1 if at else 0
        return self._data[begin : int(self._breaks[at]) if self.ends(at) else self._end]

    def ends(self, at: int) -> bool:
        """Whether the line has an end."""
        return at < len(self._breaks)


class Decoder:
    """Decodes blocks, at once where every line holds one object and nothing else."""

    def __init__(self) -> None:
        several = msgspec.json.Decoder(decode.union(THIN))
        self._one, self._lines = several.decode, several.decode_lines
        self._failed = 0

    def lines(self, data: bytes, end: int) -> Lines:
        """The lines of the first bytes of a block, which end with a line."""
        import numpy as np

        held = np.frombuffer(data, np.uint8, end)
        ends = np.flatnonzero(held == _BREAK)
        if self._failed < _PATIENCE and _is_even(held, ends):
            try:
                found = self._lines(memoryview(data)[:end])
            except _MISFIT:
                self._failed += 1
            else:
                if len(found) == len(ends):
                    self._failed = 0
                    return Lines(data, end, found, ends)
        texts = data[:end].split(b"\n")
        if not texts[-1]:
            texts.pop()
        each = [self._try(text) for text in texts]
        self._failed = 0 if None not in each else self._failed
        return Lines(data, end, each, ends)

    def _try(self, text: bytes) -> Any:
        try:
            return self._one(text)
        except _MISFIT:
            return None


def _is_even(held: Any, ends: Any) -> bool:
    """Whether every line begins and ends as an object does, the last with a line break.

    A line break cannot stand inside a string, nor between a closing and an opening brace of one
    value. So if there are as many values as lines as well, each line is one value.
    """
    if not len(ends) or ends[-1] != len(held) - 1 or held[0] != _OPEN:
        return False
    last = held[ends - 1]
    if last[0] == _RETURN:
        last = held[ends - 2]
    return bool((last == _CLOSED).all() and (held[ends[:-1] + 1] == _OPEN).all())
