"""Cases as they are written beside the rules: `x.cases.yaml`, read strictly and with positions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from caveat.authoring.merge import merge
from caveat.errors import CaveatError
from caveat.evaluators.screen import ordinal
from caveat.facts.patient import Patient
from caveat.rules.diagnostics import Path, Place, Problems, did_you_mean
from caveat.rules.expression import Strict
from caveat.rules.folder import CASES, RULES, files_below
from caveat.rules.parse import parse
from caveat.rules.source import Source, read_source

CaseClass = Literal[
    "fires",
    "not-met",
    "boundary",
    "missing",
    "stale",
    "unit",
    "exception-met",
    "exception-unknown",
    "two-orders",
    "out-of-scope",
]


class Expectation(Strict):
    """What one subject must come to; `missing` and `unchecked` are exact when they are given."""

    subject: tuple[str, ...]
    status: Literal["fires", "cannot-assess", "excepted", "not-met"]
    missing: tuple[str, ...] | None = None
    unchecked: tuple[str, ...] | None = None


class Case(Strict):
    """One record and what one rule makes of it; a subject that is not listed is out of scope."""

    id: Annotated[str, Field(min_length=1)]
    rule: str
    class_: Annotated[CaseClass, Field(alias="class")]
    as_of: str | None = None
    given: dict[str, Any] = Field(default_factory=dict)
    expect: tuple[Expectation, ...]
    note: str | None = None


class CaseFile(Strict):
    """The cases of one file of rules."""

    format: Literal[1]
    as_of: str
    base: dict[str, Any] = Field(default_factory=dict)
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class PlacedCase:
    """A case ready to be run, and where it stands. `as_of` is an ordinal."""

    case: Case
    patient: Patient
    as_of: int
    place: Place
    file: FilePath


def case_files(root: FilePath) -> list[FilePath]:
    """Every cases file below `root`; of a single rules or cases file, the one that belongs to it."""
    if root.is_dir():
        return files_below(root, f"*{CASES}")
    beside = root.with_name(root.name.removesuffix(RULES) + CASES) if root.name.endswith(RULES) else root
    return [beside] if beside.is_file() else []


def read_cases(file: FilePath, problems: Problems, *, name: str | None = None) -> list[PlacedCase]:
    """Every case of a file that can be run; all that is wrong is added to `problems`."""
    source = read_source(file, problems, name=name)
    if source is None:
        return []
    parsed = parse(CaseFile, source, problems)
    if parsed is None:
        return []
    placed: list[PlacedCase] = []
    seen: dict[str, Place] = {}
    for index, case in enumerate(parsed.cases):
        place = source.place(("cases", index, "id"))
        if case.id in seen:
            why = f"The first stands at {seen[case.id]}."
            problems.add(
                "C008", f"case {case.id!r} stands twice", place, why=why, hint="Give this case its own id."
            )
        seen.setdefault(case.id, place)
        as_of = _day(parsed, case, index, source, problems)
        patient = _patient(parsed, case, index, source, problems)
        if as_of is not None and patient is not None:
            placed.append(PlacedCase(case, patient, as_of, place, file))
    return placed


def shown(file: FilePath, root: FilePath) -> str:
    """The path as it is printed: from the folder that was named."""
    base = root if root.is_dir() else root.parent
    return str(FilePath(base.name) / file.relative_to(base))


def _day(parsed: CaseFile, case: Case, index: int, source: Source, problems: Problems) -> int | None:
    text, path = (parsed.as_of, ("as_of",)) if case.as_of is None else (case.as_of, ("cases", index, "as_of"))
    try:
        return ordinal(text)
    except CaveatError as error:
        problems.add("C042", "as_of is not a day", source.place(path), why=f"{error}.", rule=case.rule)
        return None


def _patient(parsed: CaseFile, case: Case, index: int, source: Source, problems: Problems) -> Patient | None:
    record = {"id": case.id, **merge(parsed.base, case.given)}
    try:
        return Patient.model_validate(record)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            _report(item, case, index, source, problems)
    except RecursionError:
        problems.add("C041", "record does not fit", source.place(("cases", index)), why="Nested too deeply.")
    return None


def _report(item: Any, case: Case, index: int, source: Source, problems: Problems) -> None:
    loc = tuple(item["loc"])
    given: Path = ("cases", index, "given")
    root: Path = given if not loc or loc[0] in case.given else ("base",)
    path = root
    for step in loc:
        if (*path, step) not in source.values:
            break
        path = (*path, step)
    why = str(item["msg"]).removeprefix("Value error, ")
    title, hint, key = "record does not fit", "", False
    if item["type"] == "extra_forbidden":
        title, why, key = f"unknown key {str(loc[-1])!r}", "It is no field of a record.", True
        hint = did_you_mean(str(loc[-1]), Patient.model_fields) if len(loc) == 1 else ""
    elif item["type"] == "missing":
        title, why = f"missing key {str(loc[-1])!r}", f"{loc[-1]} is required here."
    problems.add("C041", title, source.place(path, key=key), why=why, hint=hint, rule=case.rule)
