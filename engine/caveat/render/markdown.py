"""Foreign text made harmless for Markdown and for HTML, and the few Markdown shapes that cards use.

Clients render the detail of a card as GitHub Flavored Markdown, some of them with raw HTML let
through, and many make links of bare addresses. So what comes from a record or a rule is escaped for
all of that: nothing in it may become a tag, a link, a heading, a list, a table or emphasis.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from caveat.render.clean import LONGEST, clean

_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKUP: Final = re.compile(r"[&<>\\`*_\[\]|~$#{}^]")
_HARMLESS: Final = re.compile(r"[^\W\d_](?:[^&<>\\`*_\[\]|~$#{}^/@.]|\.(?=[ \d]|\Z))*")
_SUSPECT: Final = re.compile(r"[&<>\\`*_\[\]|~$#{}^/@]|\.(?![ \d]|\Z)")
_FIRST: Final = re.compile(r"\A(?:[-+=:]|\d{1,9}(?=[.)](?:\s|\Z)))")
_SLASHES: Final = re.compile("//+")
_HOST: Final = re.compile(r"(www)\.", re.IGNORECASE)
_DOMAIN: Final = re.compile(r"(?<=[^\W_])\.(?=[^\W\d_])|(?<=-)\.(?=[^\W\d_])")
_MAIL: Final = re.compile(r"\s*@\s*")
_TAG: Final = re.compile(r"<(?=[A-Za-z/!?]|\Z)")


def plain(text: str, limit: int = LONGEST) -> str:
    """The text on one line for a field that is not Markdown, such as a summary or a label.

    What is invisible or turns the reading direction is written out as `\\uNNNN`. A "<" that an HTML
    reader could take for a tag becomes the full-width "＜"; "<0.3 mg/dL" stays as it is.

    >>> plain("<b>warfarin</b> <0.3")
    '＜b>warfarin＜/b> <0.3'
    """
    text = _visible(text, limit)
    return _TAG.sub("＜", text) if "<" in text else text


def escape(text: str, limit: int = LONGEST) -> str:
    """The text on one line as Markdown that renders to the same text and to nothing else.

    Addresses are broken by a space, so that no client makes a link of them: `http: //x`, `www .x`,
    `a @b`.

    >>> escape("[x](http://y.z) <b>")
    '\\\\[x\\\\](http: \\\\/ \\\\/y\\\\.z) &lt;b&gt;'
    """
    text = _visible(text, limit)
    host = "." in text and _HOST.search(text) is not None
    if not text or (text[0].isalpha() and not host and not _SUSPECT.search(text)):
        return text
    if not host and _HARMLESS.fullmatch(text):
        return text
    found = _MARKUP.sub(_escaped, text)
    found = _FIRST.sub(lambda m: m[0] + "\\" if m[0].isdigit() else "\\" + m[0], found)
    found = _SLASHES.sub(lambda m: " ".join("\\/" for _ in m[0]), found.replace("://", ": //"))
    found = _HOST.sub(r"\1 \\.", found)
    found = _DOMAIN.sub(r"\\.", found)
    return _MAIL.sub(r" \\@ ", found).strip()


def _escaped(found: re.Match[str]) -> str:
    mark = found.group()
    return _ENTITIES.get(mark) or f"\\{mark}"


def _visible(text: str, limit: int) -> str:
    """The text on one line with every character that does not show written out."""
    if len(text) <= limit and text.isprintable():
        return text.strip()
    text = clean(text, limit)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _shown(c) for c in text)
    return text.strip()


def _shown(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def section(label: str, items: Iterable[str]) -> list[str]:
    """A label in bold with its items, which are escaped already: one on its line, more as bullets."""
    shown = [item for item in items if item]
    if not shown:
        return []
    if len(shown) == 1:
        return [f"**{label}:** {shown[0]}"]
    return ["\n".join((f"**{label}:**", "", *(f"- {item}" for item in shown)))]


def blocks(parts: Iterable[str]) -> str:
    """Paragraphs and lists, a blank line between them."""
    return "\n\n".join(part for part in parts if part)


def two(items: Sequence[str], most: int) -> list[str]:
    """At most two bullets that hold the first `most` of the items, and how many more there are."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"and {len(items) - most} more")
    if len(shown) < 3:
        return shown
    half = (len(shown) + 1) // 2
    return ["; ".join(shown[:half]), "; ".join(shown[half:])]
