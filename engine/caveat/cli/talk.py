"""What is said on stderr, and diagnostics as people and programs read them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import click

from caveat.render.clean import clean, neutral

if TYPE_CHECKING:
    from caveat.adapters.reject import Reject

MOST_IN_FULL = 30
"""Diagnostics that are shown with their source line; past it each takes one line."""


def say(text: str) -> None:
    """A line on stderr, with nothing in it that could steer a terminal."""
    click.echo(neutral(text), err=True)


def print_diagnostics(found: Sequence[Any], stream: TextIO) -> None:
    """In full with the source line on a terminal; one line each when piped, or past 30."""
    full = stream.isatty() and len(found) <= MOST_IN_FULL
    for index, diagnostic in enumerate(found):
        if full and index:
            click.echo("", file=stream)
        one_line = getattr(diagnostic, "one_line", str(diagnostic))
        text = neutral(str(diagnostic)) if full else clean(one_line, 2000)
        click.echo(text, file=stream)


def reject_line(found: Reject) -> str:
    """What was set aside on one line: file, line, path, what, the value found, how to mend it."""
    place = found.source + (f":{found.line}" if found.line is not None else "")
    where = ": ".join(part for part in (place, found.path) if part)
    text = f"{where}: {found.message}" if where else found.message
    if found.value:
        text += f" (found {found.value})"
    text += f". {found.hint}" if found.hint else ""
    text += "".join(f"; also {more}" for more in found.also)
    return clean(text, 2000)


def out(data: bytes | str) -> None:
    """Data on stdout; text as UTF-8 unless a terminal takes something else."""
    stream = sys.stdout
    if isinstance(data, str):
        encoding = (stream.encoding or "utf-8") if stream.isatty() else "utf-8"
        data = data.encode(encoding, "replace")
    stream.buffer.write(data)
    stream.buffer.flush()
