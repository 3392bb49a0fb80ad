"""Product, condition and route texts made comparable: case, accents, invisible characters, punctuation."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_LETTERS: Final = str.maketrans(
    {
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ł": "l",
        "đ": "d",
        "ı": "i",
        "µ": "u",
        "μ": "u",
        "'": "",
        "’": "",
        "`": "",
    }
)
_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|%|[/+&;,]")
_SIMPLE: Final = re.compile(r"[a-z]{1,200}(?: [a-z]{1,200}){0,8}")
SEPARATORS: Final = frozenset("/+&;,")
LIMIT: Final = 2_000
"""Characters of a text that are read; a longer one is cut, which `is_cut` tells."""


def plain(text: str) -> str:
    """The text in lower case without accents, apostrophes and invisible characters.

    >>> plain("Baclofène\\u200b 10 MG")
    'baclofene 10 mg'
    """
    text = text[:LIMIT]
    if text.isascii():
        return text.lower().translate(_LETTERS)
    spread = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (c for c in spread if unicodedata.category(c) not in {"Mn", "Cf"})
    return "".join(kept).translate(_LETTERS)


def tokens(text: str) -> tuple[str, ...]:
    """Words, numbers, `%` and separators, in order; hyphens and brackets only part words.

    >>> tokens("co-codamol 30mg/500mg")
    ('co', 'codamol', '30', 'mg', '/', '500', 'mg')
    """
    return _tokens(text[:LIMIT])


@lru_cache(maxsize=4096)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(plain(text)))


def words(text: str) -> tuple[str, ...]:
    """The tokens without separators."""
    return tuple(t for t in tokens(text) if t not in SEPARATORS)


def key(text: str) -> str:
    """The form under which names, labels and spellings are indexed.

    >>> key("St. John's Wort")
    'st johns wort'
    """
    low = text[:LIMIT].lower()
    if _SIMPLE.fullmatch(low):
        return low
    return " ".join(t for t in _WORD.findall(plain(low)) if t not in SEPARATORS)


def is_cut(text: str) -> bool:
    """Whether part of the text is beyond what is read."""
    return len(text) > LIMIT
