"""Foreign text made harmless for a terminal and for JSON."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
LONGEST: Final = 200
"""Characters of one foreign text that are shown to people."""


def clean(text: str, limit: int = LONGEST) -> str:
    """The text on one line, cut at `limit`, with what could steer a terminal shown as `\\xNN` or `\\uNNNN`.

    Line ends and tabs become spaces. Escape sequences, controls that turn the reading direction,
    and invisible characters are written out, so that two texts that differ look different.

    >>> clean("war\\x1b[2Jfarin\\u202e")
    'war\\\\x1b[2Jfarin\\\\u202e'
    """
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return _CONTROLS.sub(_written_out, " ".join(text.split()) if "\n" in text or "\t" in text else text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, which no UTF-8 can carry."""
    return _SURROGATES.sub("\ufffd", text)


def neutral(text: str) -> str:
    """The text with its spaces and line feeds kept, and what could steer a terminal written out."""
    if text.isprintable():
        return text
    parts = text.expandtabs(4).split("\n")
    return "\n".join(_CONTROLS.sub(_written_out, part.removesuffix("\r")) for part in parts)
