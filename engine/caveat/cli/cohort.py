"""`caveat screen --out`: a cohort screened into a folder."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.cli.options import SEVERITIES, load_rules, starting

if TYPE_CHECKING:
    from types import FrameType

    from caveat.batch.progress import Progress
    from caveat.facts.identify import Selection
    from caveat.terminology.codes import Code
    from caveat.terminology.concepts import Terminology

LARGE: Final = 16 << 20
"""Bytes of input past which the columnar evaluator judges, where none was named."""


@dataclass(frozen=True, slots=True)
class Known:
    """Whether an observation code belongs to any concept."""

    terminology: Terminology

    def __call__(self, code: Code) -> bool:
        return self.terminology.observation_for(code) is not None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; `evaluator` is None where none was named."""

    paths: tuple[str, ...]
    out: Path
    resume: bool
    rules: Path | None
    policy: Path | None
    as_of: int | None
    selection: Selection
    because: bool
    evaluator: str | None
    second_opinion: str | None
    jobs: int | None
    title: str | None
    fail_on: str | None


def screen_cohort(asked: Asked) -> int:
    """Run, or take up, the screening; the exit code."""
    from caveat.cli.talk import say
    from caveat.errors import CaveatError

    need("pyarrow", "numpy")
    apart(asked)
    with starting():
        from caveat.adapters.cohort.open import open_cohort
        from caveat.batch.judge import Settings
        from caveat.batch.run import recorded, run
        from caveat.batch.summary import code, summary

        rules = load_rules(asked.rules, asked.policy)
    before = recorded(asked.out) if asked.resume else None
    if asked.resume and before is None:
        say(f"{asked.out}: nothing to take up here; the run starts")
    day = _day(asked.as_of, before)
    cohort = open_cohort(asked.paths, bound=Known(rules.terminology))
    evaluator = (
        asked.evaluator or (before or {}).get("evaluator") or _evaluator(asked.paths, asked.second_opinion)
    )
    if asked.second_opinion is not None and evaluator == "columnar":
        raise CaveatError("--second-opinion judges a patient at a time: name the first with --evaluator too")
    settings = Settings(day, asked.selection, asked.because, evaluator, asked.second_opinion)
    with _terminated():
        try:
            outcome = run(
                cohort,
                rules,
                settings,
                out=asked.out,
                resume=asked.resume,
                jobs=asked.jobs,
                title=asked.title,
                say=say,
                progress=_progress(),
            )
        except KeyboardInterrupt:
            say(f"stopped; what was finished is in {asked.out}. Run the same command with --resume to go on")
            return 130
    say(summary(outcome))
    return code(outcome.manifest, asked.fail_on, SEVERITIES)


def apart(asked: Asked) -> None:
    """CaveatError when the results would lie among the input, and be input when the run is taken up."""
    from caveat.errors import CaveatError

    out = asked.out.resolve()
    for path in asked.paths:
        if Path(path).is_dir() and out.is_relative_to(Path(path).resolve()):
            raise CaveatError(
                f"{asked.out}: this folder lies in the input {path}. Name one outside it with --out"
            )


def need(*packages: str) -> None:
    """CaveatError, with what to install, when a package of the extra is missing."""
    from importlib.util import find_spec

    from caveat.errors import CaveatError

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise CaveatError(
            f"cohorts need {' and '.join(missing)}, not installed here. Install the extra: pip install "
            "'caveat[batch]'"
        )


def _day(as_of: int | None, before: dict[str, Any] | None) -> int:
    from caveat.cli.options import day_or_today
    from caveat.cli.talk import say

    if as_of is None and before is not None:
        say(f"as of {before['as_of']} (as the run was started)")
        return dt.date.fromisoformat(before["as_of"]).toordinal()
    return day_or_today(as_of)


def _evaluator(paths: tuple[str, ...], second: str | None) -> str:
    """Who judges where none was named; said on stderr."""
    from caveat.cli.talk import say

    if second is not None:
        return "inprocess"
    if large(paths):
        say(f"more than {LARGE >> 20} MiB of input: judged in columns, many patients at a time")
        return "columnar"
    say(f"at most {LARGE >> 20} MiB of input: judged one patient at a time; the results are the same")
    return "inprocess"


def large(paths: tuple[str, ...]) -> bool:
    """Whether the files come to more than LARGE bytes; a database on a server counts as large."""
    size = 0
    for path in paths:
        if not Path(path).exists():
            return "://" in path
        files = [Path(path)] if Path(path).is_file() else (f for f in Path(path).rglob("*") if f.is_file())
        for file in files:
            with suppress(OSError):  # whoever reads it says what is wrong with it
                size += file.stat().st_size
            if size > LARGE:
                return True
    return False


def _progress() -> Progress:
    from caveat.batch.progress import Lines
    from caveat.cli.talk import say

    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        from caveat.cli.moving import Moving

        return Moving()
    return Lines(say)


@contextmanager
def _terminated() -> Iterator[None]:
    """A request to end (SIGTERM) is taken like Ctrl-C: cleanly."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
