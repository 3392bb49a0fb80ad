"""Text as lines of marked spans, so that colour can be laid over it and taken away again."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Final

Span = tuple[str, str]
"""A text, and the role it has: a severity, `open`, `head`, `label`, `dim`, or empty."""

Line = tuple[Span, ...]

BLANK: Final[Line] = ()
LABEL: Final = 18
"""Columns that the label of a paragraph takes."""


def line(*parts: str | Span) -> Line:
    """A line of plain texts and spans."""
    return tuple((part, "") if isinstance(part, str) else part for part in parts if part)


def paragraph(label: str, text: str, width: int, *, indent: int = 2, role: str = "") -> list[Line]:
    """A labelled paragraph, wrapped and hanging under its first word."""
    if not text:
        return []
    room = max(24, width - indent - LABEL)
    wrapped = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
    lead = " " * indent
    first = line(lead, (label.ljust(LABEL), "label"), (wrapped[0], role))
    return [first, *(line(" " * (indent + LABEL), (rest, role)) for rest in wrapped[1:])]


def plain(lines: Iterable[Line]) -> str:
    """The text alone; each line ends with a line feed."""
    return "".join("".join(text for text, _ in found).rstrip() + "\n" for found in lines)
