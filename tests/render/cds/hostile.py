"""Text as an attacker would write it into a drug name, and what a renderer makes of it."""

from __future__ import annotations

import re
from functools import cache

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

NAMES = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<!-- hidden -->",
    "<?php echo 1 ?>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "[x]: http://evil.example",
    "[^1]: note",
    "`code` ``more``",
    "```\nblock\n```",
    "~~~\nblock",
    "a | b\n--|--\n1 | 2",
    "# heading",
    "title\n===",
    "title\n---",
    "***",
    "> quote",
    "- item\n- item",
    "1. one\n2. two",
    "12) twelve",
    "**bold** __bold__ *em* _em_ ~~gone~~",
    "<http://evil.example>",
    "http://evil.example/a_b?c=d&e=f",
    "HTTPS://EVIL.EXAMPLE",
    "www.evil.example",
    "mailto:a@evil.example",
    "someone@evil.example",
    "//evil.example/x",
    "&lt;script&gt; &#60;b&#62; &copy;",
    "line\r\nline\rline\u2028line\x85line",
    "\u202eevil\u202c \u2066x\u2069 \u200bzero \u00adsoft \U000e0041tag",
    "\x1b[2Jclear \x00nul",
    "    indented",
    "back\\slash \\<b> \\",
    "$$math$$ {{braces}} :smile:",
    "{order.name} {half:order.dose}",
)

FRAGMENTS = (
    *NAMES,
    *"<>[]()!`*_~|#&;:@/\\\n\r\t -+=.1^${}\"'",
    "://",
    "www.",
    "&#",
    "</",
    "<a href=",
    "javascript:",
    "\n\n",
    "\n    ",
    "\n- ",
    "\n1. ",
    "\n> ",
    "\n# ",
    "\n---\n",
    "\n```\n",
)

texts = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=6), min_size=1, max_size=6).map(
    lambda parts: "".join(parts) + "ж"
)
"""Hostile text; it ends with a letter, so that it is never empty once cleaned."""


@cache
def renderer() -> MarkdownIt:
    """CommonMark that lets HTML through, with tables and strikethrough."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def tokens(markdown: str) -> list[Token]:
    """Every token, those within others too."""
    found: list[Token] = []
    for token in renderer().parse(markdown):
        found.append(token)
        found += token.children or ()
    return found


def structure(markdown: str) -> list[str]:
    """The shapes without the text: `text` once where there are several of them in a row."""
    found: list[str] = []
    for token in tokens(markdown):
        kind = "text" if token.type in ("text", "text_special", "softbreak") else token.type
        if kind != "text" or found[-1:] != ["text"]:
            found.append(kind)
    return found


def shown(markdown: str) -> str:
    """The text that a reader sees."""
    return "".join(
        "".join(child.content if child.type != "softbreak" else "\n" for child in token.children or ()) + "\n"
        for token in renderer().parse(markdown)
        if token.type == "inline"
    )


LINKED = re.compile(r"https?://|ftp://|www\.|[\w.+-]@[\w-]|(?<!\S)//\w", re.IGNORECASE)
"""What clients that make links of bare addresses look for, in text that has been unescaped."""

HARMLESS = {
    "paragraph_open",
    "paragraph_close",
    "inline",
    "text",
    "text_special",
    "softbreak",
    "strong_open",
    "strong_close",
    "bullet_list_open",
    "bullet_list_close",
    "list_item_open",
    "list_item_close",
}
