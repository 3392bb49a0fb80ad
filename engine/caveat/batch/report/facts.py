"""All that the report says, as numbers: read from the files of a run in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from caveat.batch.report.manifest import Run, read_run
from caveat.batch.report.tally import INTERRUPTIVE, MEASURES, RuleCounts, count_missing, count_rules
from caveat.errors import CaveatError
from caveat.evaluators.assemble import NO_ORDERS

MEMORY: Final = "512MB"
MOST_NAMES: Final = 100
"""Names not recognised that are listed, the most frequent first."""

MOST_REJECTS: Final = 10_000
"""Rows of rejects that the report carries for download."""


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule and its findings: `findings` and `patients` by the measures of `tally.MEASURES`."""

    id: str
    title: str
    severity: str
    kind: str
    tier: str
    status: str
    findings: dict[str, int]
    patients: dict[str, int]

    @property
    def interrupts(self) -> bool:
        """Whether its alerts interrupt."""
        return self.tier in INTERRUPTIVE


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """Sums over patients.parquet; `with_...` are patients with at least one.

    `unrecognised_drugs` are mentions of medicines and allergens; `identified`: patients of whom all
    those were recognised; `assessable`: of whom nothing else was left open either; `judged`: with
    any finding in findings.parquet.
    """

    screened: int
    alerts: int
    alert_squares: int
    with_alert: int
    with_contraindicated: int
    open: int
    with_open: int
    unrecognised: int
    unrecognised_drugs: int
    with_unrecognised: int
    faults: int
    with_fault: int
    failed: int
    with_failed: int
    with_uncovered: int
    identified: int
    assessable: int
    judged: int


@dataclass(frozen=True, slots=True)
class Named:
    """A name not recognised, or a code of a fault: how often it was met, and in how many patients."""

    kind: str
    text: str
    mentions: int
    patients: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that is missing: findings and patients that lack it, and those that lack nothing else."""

    fact: str
    findings: int
    patients: int
    alone: int
    patients_alone: int


@dataclass(frozen=True, slots=True)
class Rejects:
    """What was set aside: by code and field, and the rows for download (at most MOST_REJECTS)."""

    total: int
    records: int
    harmless: int
    by_code: tuple[tuple[str, str, int], ...]
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything of a run that the report rests on. `disagreements` are sums that should be equal."""

    run: Run
    patients: PatientFacts
    rules: tuple[RuleFacts, ...]
    interruptive: int
    interruptive_squares: int
    with_interruptive: int
    names: tuple[Named, ...]
    different_names: int
    faults: tuple[Named, ...]
    rejects: Rejects
    disagreements: tuple[str, ...]


def gather(folder: Path) -> Facts:
    """The facts of the finished run in `folder`. CaveatError when a file of it is missing or unreadable."""
    run = read_run(folder)
    files = {name: folder / f"{name}.parquet" for name in ("findings", "patients", "rejects")}
    for path in files.values():
        if not path.is_file():
            raise CaveatError(
                f"{path}: the file is missing, so the run is not whole. Screen again with --resume"
            )
    with _database() as database:
        patients = _patients(database, files["patients"])
        counted = count_rules(files["findings"])
        if counted.patients_found > patients.judged:
            with TemporaryDirectory() as scratch:
                counted = count_rules(_in_order(database, files["findings"], Path(scratch)))
        names, different = _names(database, files["patients"])
        facts = Facts(
            run=run,
            patients=patients,
            rules=_rules(run, counted),
            interruptive=counted.interruptive,
            interruptive_squares=counted.interruptive_squares,
            with_interruptive=counted.patients_interruptive,
            names=names,
            different_names=different,
            faults=_faults(database, files["patients"]),
            rejects=_rejects(database, files["rejects"]),
            disagreements=(),
        )
    return _checked(facts, counted)


def missing_facts(folder: Path, facts: Facts, rules: frozenset[str]) -> tuple[Missing, ...]:
    """What the open findings of `rules` lack, the fact that most findings lack first."""
    path = folder / "findings.parquet"
    found = count_missing(path, rules).facts
    listed = [Missing(fact, *counts) for fact, counts in found.items()]
    return tuple(sorted(listed, key=lambda one: (-one.findings, one.fact)))


@contextmanager
def _database() -> Iterator[Any]:
    """DuckDB with little memory and no way out: what does not fit goes to a folder for the time being."""
    import duckdb

    with TemporaryDirectory() as scratch:
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "temp_directory": scratch,
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        database = duckdb.connect(config=settings)
        try:
            yield database
        finally:
            database.close()


def _rows(database: Any, query: str, path: Path) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        found: list[tuple[Any, ...]] = database.execute(query, [str(path)]).fetchall()
    except duckdb.Error as error:
        text = str(error).partition("\n")[0]
        raise CaveatError(f"{path}: it cannot be read as a file of a run ({text})") from None
    return found


_OF_PATIENTS: Final = """
SELECT count(*), sum(alerts), sum(alerts::BIGINT * alerts), count_if(alerts > 0),
  count_if(contraindicated > 0), sum(cannot_assess), count_if(cannot_assess > 0), sum(names),
  sum(drugs), count_if(names > 0), sum(faults), count_if(faults > 0),
  sum(failed_rules), count_if(failed_rules > 0), count_if(uncovered > 0), count_if(drugs = 0),
  count_if(drugs + names + faults + cannot_assess + failed_rules = 0),
  count_if(alerts + cannot_assess + excepted + suppressed + failed_rules > 0)
FROM (SELECT *, coalesce(len(unrecognised), 0) AS names, coalesce(len(errors), 0) AS faults,
  coalesce(len(list_filter(unrecognised, lambda one: one.kind IS DISTINCT FROM 'condition')), 0) AS drugs
  FROM read_parquet($1))
"""

_COUNTED: Final = """
SELECT kind, text, sum(n)::BIGINT, count(*) AS patients, count(*) OVER () FROM (
  SELECT place, coalesce({kind}, '') AS kind, coalesce({text}, '') AS text, count(*) AS n FROM (
    SELECT file_row_number AS place, unnest({column}) AS one FROM read_parquet($1, file_row_number = true))
  GROUP BY ALL)
GROUP BY kind, text ORDER BY patients DESC, kind, text LIMIT {most}
"""


def _patients(database: Any, path: Path) -> PatientFacts:
    (row,) = _rows(database, _OF_PATIENTS, path)
    return PatientFacts(*(int(number or 0) for number in row))


def _named(database: Any, path: Path, **parts: Any) -> tuple[tuple[Named, ...], int]:
    found = _rows(database, _COUNTED.format(**parts), path)
    return tuple(Named(*row[:4]) for row in found), found[0][4] if found else 0


def _names(database: Any, path: Path) -> tuple[tuple[Named, ...], int]:
    return _named(database, path, kind="one.kind", text="one.text", column="unrecognised", most=MOST_NAMES)


def _faults(database: Any, path: Path) -> tuple[Named, ...]:
    return _named(database, path, kind="one.code", text="''", column="errors", most=MOST_NAMES)[0]


def _in_order(database: Any, path: Path, scratch: Path) -> Path:
    """The findings with the rows of a patient together."""
    columns = [row[0] for row in _rows(database, "DESCRIBE SELECT * FROM read_parquet($1)", path)]
    order = ", ".join(name for name in ("part", "patient", "row") if name in columns)
    sorted_path = scratch / "findings.parquet"
    database.execute(
        f"COPY (SELECT * FROM read_parquet($1) ORDER BY {order}) TO '{sorted_path}' (FORMAT parquet)",
        [str(path)],
    )
    return sorted_path


def _rules(run: Run, counted: RuleCounts) -> tuple[RuleFacts, ...]:
    """The rules of the ruleset in its order, then those that only findings name."""
    place = {name: index for index, name in enumerate(counted.rules)}
    told = {rule.id: rule for rule in run.rules}
    none = dict.fromkeys(MEASURES, 0)
    found = []
    for name in dict.fromkeys((*told, *sorted(place))):
        info, index = told.get(name), place.get(name)
        findings = patients = none
        if index is not None:
            findings = dict(zip(MEASURES, counted.findings[index].tolist(), strict=True))
            patients = dict(zip(MEASURES, counted.patients[index].tolist(), strict=True))
        found.append(
            RuleFacts(
                id=name,
                title=info.title if info else NO_ORDERS.title if name == NO_ORDERS.id else "",
                severity=counted.severity.get(name) or (info.severity if info else ""),
                kind=counted.kind.get(name) or (info.kind if info else ""),
                tier=counted.tier.get(name, ""),
                status=info.status if info else "",
                findings=findings,
                patients=patients,
            )
        )
    return tuple(found)


def _rejects(database: Any, path: Path) -> Rejects:
    by_code = _rows(
        database,
        "SELECT code, coalesce(regexp_replace(field, '[0-9]+', 'n', 'g'), '') AS field, count(*) AS n "
        "FROM read_parquet($1) GROUP BY ALL ORDER BY n DESC, code, field LIMIT 200",
        path,
    )
    ((total, records, harmless),) = _rows(
        database,
        "SELECT count(*), count(patient), coalesce(count_if(harmless), 0) FROM read_parquet($1)",
        path,
    )
    names = ("file", "line", "field", "code", "message", "value", "patient")
    rows = _rows(
        database,
        f"SELECT {', '.join(names)} FROM read_parquet($1) "
        f"ORDER BY part, file, line, field, code LIMIT {MOST_REJECTS}",
        path,
    )
    return Rejects(
        total, records, harmless, tuple(by_code), tuple(dict(zip(names, r, strict=True)) for r in rows)
    )


def _checked(facts: Facts, counted: RuleCounts) -> Facts:
    """The facts with whatever does not add up: the report says so instead of choosing one number."""
    from dataclasses import replace

    patients, run = facts.patients, facts.run
    of = {name: sum(rule.findings[name] for rule in facts.rules) for name in MEASURES}
    pairs = [
        ("alerts in patients.parquet and in findings.parquet", patients.alerts, of["fired"]),
        ("rules left open in patients.parquet and in findings.parquet", patients.open, of["open"]),
        ("failed rules in patients.parquet and in findings.parquet", patients.failed, of["failed"]),
        (
            "patients with findings in patients.parquet and in findings.parquet",
            patients.judged,
            counted.patients_found,
        ),
        ("patients in patients.parquet and in run.json", patients.screened, run.screened),
        (
            "patients and rejected records, and records read by run.json",
            patients.screened + facts.rejects.records,
            run.entered,
        ),
    ]
    wrong = tuple(f"{what}: {a:,} and {b:,}" for what, a, b in pairs if b is not None and a != b)
    return replace(facts, disagreements=wrong)
