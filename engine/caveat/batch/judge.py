"""Who judges a batch: the columnar evaluator, or one patient at a time; the results are the same."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar import NAME as COLUMNAR
from caveat.evaluators.columnar import Columnar, Screened
from caveat.facts.identify import Selection

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.screen import Evaluator
    from caveat.facts.patient import Patient
    from caveat.findings.report import Report


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the findings beside records and rules; part of what a resumed run must repeat.

    `as_of` is the ordinal of a day. `evaluator` is `columnar`, or the name of one that judges a
    patient at a time.
    """

    as_of: int
    selection: Selection = "active"
    because: bool = False
    evaluator: str = COLUMNAR
    second_opinion: str | None = None

    @property
    def day(self) -> str:
        """The day in ISO form."""
        return dt.date.fromordinal(self.as_of).isoformat()

    def plain(self) -> dict[str, Any]:
        """As the manifest has it."""
        return {**asdict(self), "as_of": self.day}


class Judge(Protocol):
    """Screens a batch of valid records; see `caveat.evaluators.columnar.Columnar.screen`."""

    def screen(self, batch: pa.RecordBatch) -> Screened: ...


def judge_of(rules: Ruleset, settings: Settings) -> Judge:
    """The judge that the settings name. CaveatError when an evaluator is not installed."""
    if settings.evaluator == COLUMNAR:
        return Columnar(rules, as_of=settings.as_of, selection=settings.selection, because=settings.because)
    from caveat.evaluators.screen import build

    second = settings.second_opinion
    return OneAtATime(
        rules,
        settings,
        build(settings.evaluator, rules.program),
        build(second, rules.program) if second else None,
    )


class OneAtATime:
    """Judges the rows of a batch each on its own. A failure is a row that says so, never clear."""

    def __init__(
        self, rules: Ruleset, settings: Settings, evaluator: Evaluator, second: Evaluator | None = None
    ) -> None:
        self.rules, self.settings = rules, settings
        self.evaluator, self.second = evaluator, second

    def screen(self, batch: pa.RecordBatch) -> Screened:
        """Findings and one row a patient, both in the order of the batch."""
        import pyarrow as pa

        from caveat.evaluators.columnar import results
        from caveat.evaluators.columnar.onebyone import finding_rows, patient_row

        found: list[dict[str, Any]] = []
        screened: list[dict[str, Any]] = []
        uncovered: Counter[str] = Counter()
        for row in range(batch.num_rows):
            report, source, lone = self._report(batch, row)
            found += finding_rows(report, row, because=self.settings.because)
            screened.append(patient_row(report, source, len(lone)))
            uncovered.update(name for names in lone for name in names)
        return Screened(
            pa.RecordBatch.from_pylist(found, schema=results.findings()),
            pa.RecordBatch.from_pylist(screened, schema=results.patients()),
            batch.num_rows,
            dict(uncovered),
        )

    def _report(self, batch: pa.RecordBatch, row: int) -> tuple[Report, str | None, list[list[str]]]:
        """The report, where the record is from, and the ingredients of each order that no rule is about."""
        from caveat.columns.records import to_patient
        from caveat.evaluators.screen import screen
        from caveat.findings.report import RecordError, Report

        try:
            patient = to_patient(batch, row)
            report = screen(
                patient,
                self.rules,
                as_of=dt.date.fromordinal(self.settings.as_of),
                evaluator=self.evaluator,
                second_opinion=self.second,
                selection=self.settings.selection,
            )
            return report, patient.source, self._uncovered(patient)
        except Exception as error:
            why = f"interaction check failed, review manually: {type(error).__name__}: {error}"[:300]
            failed = Report(
                patient=batch.column("id")[row].as_py(),
                as_of=self.settings.day,
                version=self.rules.version,
                digest=self.rules.digest,
                findings=(),
                rules_checked=0,
                errors=(RecordError("check-failed", why),),
                evaluator=self.evaluator.name,
            )
            return failed, batch.column("source")[row].as_py(), []

    def _uncovered(self, patient: Patient) -> list[list[str]]:
        from caveat.facts.identify import identify

        settings, covered = self.settings, self.rules.covered
        views = (
            identify(order, self.rules.terminology, settings.as_of, settings.selection)
            for order in patient.orders or ()
        )
        lone = ([name for name in view.ingredients if name not in covered] for view in views if view.current)
        return [names for names in lone if names]


def screened(
    judge: Judge, batch: pa.RecordBatch, rules: Ruleset, settings: Settings
) -> tuple[Screened, str | None]:
    """What the judge says of a batch, and why it had to be judged one at a time, else None.

    A judge that fails on a batch, or whose answer has not one row for each patient in their order,
    is not believed: the patients of that batch are judged one at a time.
    """
    try:
        found = judge.screen(batch)
        _check(found, batch)
        return found, None
    except Exception as error:
        from caveat.evaluators.screen import build

        again = OneAtATime(rules, settings, build("inprocess", rules.program))
        found = again.screen(batch)
        _check(found, batch)
        return found, f"{type(error).__name__}: {error}"[:300]


def _check(found: Screened, batch: pa.RecordBatch) -> None:
    """Raises ValueError unless there is a row a patient, in order, and findings of no other rows."""
    import pyarrow.compute as pc

    if found.patients.num_rows != batch.num_rows:
        raise ValueError(f"{batch.num_rows} patients were judged and {found.patients.num_rows} came back")
    if not found.patients.column("patient").equals(batch.column("id")):
        raise ValueError("the patients came back in another order")
    if found.findings.num_rows:
        ends = pc.min_max(found.findings.column("row"))
        if ends["min"].as_py() < 0 or ends["max"].as_py() >= batch.num_rows:
            raise ValueError("a finding is of no patient of the batch")
