"""Records from paths of any kind: what a file says it is decides, never its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Final

from caveat.adapters.documents import Document
from caveat.adapters.fhir import bundle, decode
from caveat.adapters.fhir.group import Grouped, Part
from caveat.adapters.fhir.record import contradicts, patient
from caveat.adapters.files import documents_of
from caveat.adapters.native import RecordError, read_native
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import Source, expand
from caveat.adapters.survey import Survey, survey_of
from caveat.errors import InputError
from caveat.facts.clinical import Note, Problem
from caveat.facts.patient import Patient
from caveat.terminology.codes import Code

Bound = Callable[[Code], bool]
_HARMLESS: Final = frozenset(("log", "manifest"))


def read_records(paths: Sequence[Path | str], *, bound: Bound | None = None) -> Iterator[Patient | Reject]:
    """Every patient of the paths, and a Reject for each thing that is judged nowhere.

    A path is a file, a folder (all files below it) or `-` for standard input; a file is a FHIR R4
    Bundle or resource, Bulk Data NDJSON, a native record, a list or NDJSON of either, or CSV with a
    row a patient; gzip is seen by content. Resources of a patient that stand apart are put
    together: those of one path argument, those of files named one by one, and those of several
    Bundles. Records with one id whose birth date or sex exclude each other are both given, each
    with a problem. `bound` says which observation codes any concept knows; others are only counted.
    """
    found_any = False
    given = [paths] if isinstance(paths, (str, Path)) else list(paths)
    for found in _read(given, bound):
        found_any = found_any or isinstance(found, Patient) or not found.harmless
        yield found
    if not found_any:
        names = ", ".join(str(path) for path in given) or "no path"
        yield Reject(
            names,
            "no-records",
            "no patient record was found",
            hint="Name the file or folder that holds the records",
        )


def _read(paths: Sequence[Path | str], bound: Bound | None) -> Iterator[Patient | Reject]:
    sources = list(expand(paths))
    survey = survey_of([s for s in sources if isinstance(s, Source)])
    counts = survey.counts
    waiting: dict[str, list[Part]] = {}
    logs: set[str] = set()
    for source in sources:
        if isinstance(source, Reject):
            yield source
            continue
        if source.label in survey.finished:
            yield from survey.finished[source.label]
            continue
        for found in documents_of(source):
            if isinstance(found, Reject):
                yield found
            elif isinstance(found, Patient):
                yield doubled(found, counts)
            elif found.shape == "bundle":
                grouped, rejects = _bundle(found, source, survey)
                for part in grouped.parts.values():
                    if counts[part.id] <= 1:
                        yield patient(part, bound=bound)
                    else:
                        waiting.setdefault(part.id, []).append(part)
                yield from rejects
            elif found.shape == "native":
                yield native(found, source, counts)
            elif found.shape in _HARMLESS:
                logged = source.label not in logs
                logs.add(source.label)
                if logged:
                    message = "the log of an export holds no records"
                    yield Reject(source.label, "no-patient", message, line=found.line, harmless=True)
    yield from survey.lacking
    for name in survey.loose:
        grouped = survey.loose_group(name)
        for part in grouped.parts.values():
            if counts[part.id] <= 1:
                yield patient(part, bound=bound)
            else:
                waiting.setdefault(part.id, []).append(part)
        yield from chain(grouped.rejects, survey.loose_rejects.get(name, ()))
        if not grouped.parts and not grouped.rejects and not survey.loose_rejects.get(name):
            kinds = ", ".join(sorted(survey.loose_kinds[name]))[:120]
            yield Reject(
                name or survey.loose_file[name],
                "no-patient",
                f"resources without a patient: {kinds}",
                harmless=bool(name),
            )
    for parts in waiting.values():
        yield from joined(parts, bound)


def _bundle(found: Document, source: Source, survey: Survey) -> tuple[Grouped, list[Reject]]:
    try:
        decoded = decode.bundle(found.data)
    except InputError as problem:
        return Grouped({}, [], []), [reject(problem, source=source.label, line=found.line)]
    label = source.label + (f":{found.line}" if found.line is not None else "")
    grouped, rejects = bundle.sort(decoded, source=label, wider=survey.shared, pages=frozenset(survey.pages))
    if not source.found:
        # Asked for by name: a file without patients is worth saying aloud.
        rejects = [replace(one, harmless=False) for one in rejects]
    return grouped, rejects


def native(found: Document, source: Source, counts: Counter[str]) -> Patient | Reject:
    label = source.label + (f":{found.line}" if found.line is not None else "")
    try:
        read = read_native(found.data)
    except RecordError as problem:
        path = problem.path.replace("$", found.path, 1) if found.path else problem.path
        return Reject(
            source.label,
            problem.code,
            problem.summary,
            found.line,
            path,
            problem.value,
            problem.hint,
            problem.also,
        )
    except InputError as problem:
        return reject(problem, source=source.label, line=found.line)
    return doubled(read if read.source else read.model_copy(update={"source": label + found.path}), counts)


def doubled(found: Patient, counts: Counter[str]) -> Patient:
    """The patient, with a problem when another record has its id: each alone may be half the truth."""
    if counts[found.id] <= 1:
        return found
    problem = Problem(
        code="same-patient",
        message=f"{counts[found.id]} records have this id and are judged apart; join them to have one judged",
        path="$.id",
        value=found.id,
    )
    return found.model_copy(update={"problems": (*found.problems, problem)})


def joined(parts: list[Part], bound: Bound | None) -> Iterator[Patient]:
    """One Patient of all parts that can be one person's; those that cannot, one by one with a problem."""
    known = [part for part in parts if part.patients]
    people: Sequence[Any] = [part.patients[0].resource for part in known]
    if any(contradicts(a, b) for i, a in enumerate(people) for b in people[:i]):
        for part in parts:
            read = patient(part, bound=bound)
            problem = Problem(
                code="patient-conflict",
                message="another record with this id differs in birth date or sex; they are judged apart",
                path=f"Patient/{part.id}",
            )
            yield read.model_copy(update={"problems": (*read.problems, problem)})
        return
    whole = Part(parts[0].id)
    for part in parts:
        whole.patients += part.patients
        whole.items += part.items
        whole.common += part.common
        whole.assumed += part.assumed
        whole.sources += [one for one in part.sources if one not in whole.sources]
        whole.incomplete = whole.incomplete or part.incomplete
    read = patient(whole, bound=bound)
    if len(parts) > 1:
        note = Note(
            code="record-merged",
            message=f"put together from {len(parts)} sources",
            path=", ".join(whole.sources)[:500],
        )
        read = read.model_copy(update={"notes": (*read.notes, note)})
    yield read
