"""Colour over lines, for terminals that have it; word and shape stay as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from caveat.render.lines import Line
from caveat.render.words import GRADES


def wants_colour(stream: IO[str], environment: dict[str, str]) -> bool:
    """Whether `stream` is a terminal that colours are wanted on: NO_COLOR and TERM=dumb say no."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return stream.isatty()


def print_coloured(lines: Iterable[Line], stream: IO[str]) -> None:
    """Write the lines with colours."""
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=True)
    for found in lines:
        text = Text()
        for part, role in found:
            text.append(part, _style(role))
        text.rstrip()
        console.print(text)


def _style(role: str) -> str:
    grade = GRADES.get(role)
    if grade is not None:
        return f"bold {grade.foreground} on {grade.background}"
    return {"head": "bold", "label": "cyan", "dim": "dim"}.get(role, "")
