"""`caveat screen`: records in, one report a patient out."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from caveat.cli.options import (
    EVALUATORS,
    SEVERITIES,
    as_of_option,
    cohort_options,
    day_or_today,
    format_option,
    given,
    load_rules,
    refuse_mixed,
    rules_option,
    selection_option,
    starting,
)

if TYPE_CHECKING:
    from caveat.cli.tally import Tally
    from caveat.compile.ruleset import Ruleset
    from caveat.evaluators.screen import Evaluator
    from caveat.facts.identify import Selection
    from caveat.facts.patient import Patient
    from caveat.findings.report import Report
    from caveat.render.products import Product

Writer = Callable[["Report", "tuple[Product, ...]", "tuple[Product, ...]"], None]


@click.command("screen")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@rules_option
@as_of_option
@click.option(
    "--evaluator", type=click.Choice(EVALUATORS), default="inprocess", show_default=True, help="Who judges."
)
@click.option(
    "--second-opinion",
    type=click.Choice(EVALUATORS),
    help="Judge everything a second time and report each difference as an error.",
)
@format_option
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 when an alert is that grave or graver."
)
@selection_option
@click.option(
    "--policy",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The site's policy file. Default: the one of the ruleset.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more about each finding.")
@cohort_options
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    rules_path: Path | None,
    as_of: int | None,
    evaluator: str,
    second_opinion: str | None,
    form: str,
    fail_on: str | None,
    selection: Selection,
    policy: Path | None,
    verbose: bool,
    out: str | None,
    spark: str | None,
    resume: bool,
    because: bool,
    jobs: int | None,
    title: str | None,
) -> None:
    """Judge patient records against the rules.

    PATH is a file, a folder (all files below it) or - for standard input: FHIR R4 (a Bundle, Bulk
    Data NDJSON, .gz), the native record (JSON, NDJSON), or CSV with a row a patient.

    One report a patient on stdout: alerts with their basis, what could not be assessed, and what was
    not recognised. Totals, and whatever was set aside, on stderr.

    With --out a cohort of any size is screened into a folder instead, and PATH may be Parquet or an
    OMOP database too: findings, patients and rejects as Parquet, run.json and report.html. --spark runs it
    past one machine.
    """
    from caveat.cli.talk import say
    from caveat.cli.tally import Tally
    from caveat.render.words import counted

    if second_opinion == evaluator:
        raise click.UsageError(f"--second-opinion needs another evaluator than {evaluator}")
    refuse_mixed(ctx, out)
    if out is not None:
        from caveat.cli.cohort import Asked, screen_cohort

        named = evaluator if given(ctx, "evaluator") else None
        asked = Asked(
            paths, Path(out), resume, rules_path, policy, as_of, selection, because, named, second_opinion,
            jobs, title, fail_on,
        )  # fmt: skip
        if spark is not None:
            from caveat.cli.spark import screen_on_spark

            ctx.exit(screen_on_spark(asked, master=spark, out=out))
        ctx.exit(screen_cohort(asked))
    hint_at_columns(paths)
    day = day_or_today(as_of)
    with starting():
        import caveat.adapters
        import caveat.evaluators.screen  # noqa: F401 - loaded here, used below

        rules = load_rules(rules_path, policy)
        judge = Judge.of(rules, evaluator, second_opinion, selection, day)
    stdout = sys.stdout.buffer
    write = _json_writer(rules, stdout) if form == "json" else _text_writer(rules, stdout, verbose)
    tally = Tally()
    try:
        _screen(paths, judge, write, tally, verbose)
    except KeyboardInterrupt:
        say(f"interrupted after {counted(tally.patients, 'patient')}; their reports are complete")
        ctx.exit(130)
    except OSError:
        raise
    except Exception:
        say(f"stopped after {counted(tally.patients, 'patient')}; their reports are complete")
        raise
    say(tally.summary(rules, dt.date.fromordinal(day).isoformat()))
    ctx.exit(tally.code(fail_on))


def hint_at_columns(paths: tuple[str, ...]) -> None:
    """Say once how much input is screened sooner, where there is much of it."""
    from caveat.cli.cohort import LARGE, large
    from caveat.cli.talk import say

    if large(paths):
        say(f"more than {LARGE >> 20} MiB of input: --out DIR screens many at a time, and can be resumed")


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything that stays the same from one patient to the next."""

    rules: Ruleset
    evaluator: Evaluator
    second: Evaluator | None
    selection: Selection
    as_of: int
    named: frozenset[str]

    @staticmethod
    def of(rules: Ruleset, evaluator: str, second: str | None, selection: Selection, as_of: int) -> Judge:
        """Evaluators built once; CaveatError when one is not installed."""
        from caveat.render.products import subjects_of

        return Judge(
            rules,
            build_evaluator(evaluator, rules),
            build_evaluator(second, rules) if second else None,
            selection,
            as_of,
            subjects_of(rules.program),
        )

    def report(self, patient: Patient) -> tuple[Report, tuple[Product, ...], tuple[Product, ...]]:
        """The report, the recognised current orders, and those of them that no rule is about.

        A failure becomes a report that says so: never silence, never clear.
        """
        from caveat.evaluators.screen import screen
        from caveat.facts.identify import identify
        from caveat.render.products import current_products, not_covered

        try:
            report = screen(
                patient,
                self.rules,
                as_of=dt.date.fromordinal(self.as_of),
                evaluator=self.evaluator,
                second_opinion=self.second,
                selection=self.selection,
            )
            views = [
                identify(order, self.rules.terminology, self.as_of, self.selection)
                for order in patient.orders or ()
            ]
            checked = current_products(view for view in views if view.current)
        except Exception as error:
            return self.failed(patient, error), (), ()
        return report, checked, not_covered(checked, self.named)

    def failed(self, patient: Patient, error: Exception) -> Report:
        """The report of a patient on whom the check itself failed."""
        from caveat.findings.report import RecordError, Report

        message = f"interaction check failed, review manually ({type(error).__name__}: {str(error)[:200]})"
        return Report(
            patient=patient.id,
            as_of=dt.date.fromordinal(self.as_of).isoformat(),
            version=self.rules.version,
            digest=self.rules.digest,
            findings=(),
            rules_checked=0,
            errors=(RecordError("check-failed", message),),
            evaluator=self.evaluator.name,
        )


def build_evaluator(name: str, rules: Ruleset) -> Evaluator:
    """The evaluator of that name; CaveatError, with how to install it, when it is not there."""
    from caveat.errors import CaveatError
    from caveat.evaluators.screen import build

    try:
        return build(name, rules.program)
    except ImportError as error:
        raise CaveatError(
            f"the evaluator {name!r} is not installed ({error}). `caveat doctor` says what is there"
        ) from None


def _screen(paths: tuple[str, ...], judge: Judge, write: Writer, tally: Tally, verbose: bool) -> None:
    from caveat.adapters import Reject, read_records
    from caveat.cli.talk import reject_line, say

    terminology = judge.rules.terminology
    for found in read_records(paths, bound=lambda code: terminology.observation_for(code) is not None):
        if isinstance(found, Reject):
            tally.reject(found)
            if verbose or not found.harmless:
                say(reject_line(found))
            continue
        report, checked, uncovered = judge.report(found)
        try:
            write(report, checked, uncovered)
        except OSError:
            raise
        except Exception as error:
            report = judge.failed(found, error)
            write(report, (), ())
        tally.report(report)
    if not tally.patients:
        say("No patient was read, so nothing was judged.")


def _json_writer(rules: Ruleset, stdout: BinaryIO) -> Writer:
    from caveat.render.json import report_line

    sources = dict(rules.sources)

    def write(report: Report, checked: tuple[Product, ...], uncovered: tuple[Product, ...]) -> None:
        stdout.write(report_line(report, sources=sources, not_covered=uncovered))
        stdout.flush()

    return write


def _text_writer(rules: Ruleset, stdout: BinaryIO, verbose: bool) -> Writer:
    from shutil import get_terminal_size

    from caveat.render.lines import BLANK, plain
    from caveat.render.text import report_lines
    from caveat.render.view import view_of

    terminal = sys.stdout.isatty()
    encoding = (sys.stdout.encoding or "utf-8") if terminal else "utf-8"
    view = view_of(
        rules,
        verbose=verbose,
        width=min(120, max(60, get_terminal_size().columns)) if terminal else 100,
        plain_shapes=not encoding.lower().replace("-", "").startswith("utf"),
    )
    coloured = terminal and _wants_colour()

    def write(report: Report, checked: tuple[Product, ...], uncovered: tuple[Product, ...]) -> None:
        lines = [*report_lines(report, view, checked=checked, not_covered=uncovered), BLANK]
        if coloured:
            from caveat.render.colour import print_coloured

            print_coloured(lines, sys.stdout)
        else:
            stdout.write(plain(lines).encode(encoding, "replace"))
            stdout.flush()

    return write


def _wants_colour() -> bool:
    from caveat.render.colour import wants_colour

    return wants_colour(sys.stdout, dict(os.environ))
