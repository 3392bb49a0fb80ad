"""Options that several commands share."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset

F = TypeVar("F", bound=Callable[..., Any])

SEVERITIES = ("contraindicated", "major", "moderate", "minor", "info")
EVALUATORS = ("inprocess", "reference", "durable")
SELECTIONS = ("active", "overlapping", "ever")


def _day(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The ordinal of `YYYY-MM-DD`; any other form is a usage error."""
    if value is None:
        return None
    from caveat.errors import CaveatError
    from caveat.evaluators.screen import ordinal

    try:
        return ordinal(value)
    except CaveatError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def rules_option(function: F) -> F:
    """`--rules`."""
    return click.option(
        "--rules",
        "rules_path",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder of rulesets, or one rules file. Default: the bundled rules.",
    )(function)


def as_of_option(function: F) -> F:
    """`--as-of`."""
    return click.option(
        "--as-of", callback=_day, metavar="DATE", help="The day to judge for, YYYY-MM-DD. Default: today."
    )(function)


def selection_option(function: F) -> F:
    """`--selection`."""
    return click.option(
        "--selection",
        type=click.Choice(SELECTIONS),
        default="active",
        show_default=True,
        help="Which orders count as current.",
    )(function)


def format_option(function: F) -> F:
    """`--format`."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(("text", "json")),
        default="text",
        show_default=True,
        help="json is stable and meant for programs.",
    )(function)


def cohort_options(function: F) -> F:
    """`--out` and what only goes with it."""
    for option in reversed(
        (
            click.option(
                "--out",
                metavar="DIR",
                help="Screen a cohort into this folder: Parquet, run.json, report.html.",
            ),
            click.option(
                "--spark",
                metavar="MASTER",
                help="Screen on Spark, past one machine: local[4], spark://HOST:7077, yarn.",
            ),
            click.option("--resume", is_flag=True, help="Finish the run that was begun in --out."),
            click.option(
                "--because", is_flag=True, help="Write the deciding facts of each finding too (slower)."
            ),
            click.option(
                "--jobs",
                type=click.IntRange(1, 256),
                metavar="N",
                help="Processes that judge. Default: one a core.",
            ),
            click.option("--title", metavar="TEXT", help="Title of report.html."),
        )
    ):
        function = option(function)
    return function


def given(ctx: click.Context, name: str) -> bool:
    """Whether the option was on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE


def refuse_mixed(ctx: click.Context, out: str | None) -> None:
    """A usage error for options that mean nothing with --out, or nothing without it."""
    if out is None:
        for name in ("spark", "resume", "because", "jobs", "title"):
            if given(ctx, name):
                raise click.UsageError(f"--{name} goes with --out DIR")
        return
    for name, why in (
        ("form", "--format is for reports on stdout; --out writes Parquet. Give one of the two"),
        ("verbose", "-v is for reports on stdout; --out writes all there is. Give one of the two"),
    ):
        if given(ctx, name):
            raise click.UsageError(why)


def day_or_today(as_of: int | None) -> int:
    """The day given, else today, which is then said on stderr."""
    if as_of is not None:
        return as_of
    from caveat.cli.talk import say

    today = dt.date.today()
    say(f"as of {today.isoformat()} (today; --as-of takes another day)")
    return today.toordinal()


def load_rules(path: Path | None, policy: Path | None = None) -> Ruleset:
    """The ruleset that the options name."""
    from caveat.compile.ruleset import load

    return load(path, policy=policy)


@contextmanager
def starting() -> Iterator[None]:
    """Load what is needed without collecting garbage in between: nothing of it is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()


def named_or_bundled(path: Path | None) -> Path:
    """The path given, which must exist, else the bundled rulesets."""
    from caveat.compile.ruleset import bundled
    from caveat.errors import CaveatError

    if path is None:
        return bundled()
    if not path.exists():
        raise CaveatError(f"{path}: no such file or folder. Name a folder of rulesets or a rules file")
    return path
