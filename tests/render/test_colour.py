"""Colour is an extra: taken away, the text is the same."""

from __future__ import annotations

import io
import re

import pytest

from caveat.render.colour import print_coloured, wants_colour
from caveat.render.lines import line, plain

LINES = [line(("⯃ Contraindicated", "contraindicated"), "  rule [bold]x[/] :warning:"), (), line("a " * 200)]


class Terminal(io.StringIO):
    """Says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "wanted"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_when_colour_is_wanted(stream: io.StringIO, environment: dict[str, str], wanted: bool) -> None:
    assert wants_colour(stream, environment) is wanted


def test_the_text_under_the_colours_is_the_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    print_coloured(LINES, out)
    assert "\x1b[" in out.getvalue()
    bare = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert [text.rstrip() for text in bare.splitlines()] == plain(LINES).splitlines()
