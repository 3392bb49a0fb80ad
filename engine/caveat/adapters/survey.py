"""A first look at every file: who is in it, and which resources stand outside a Bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from caveat.adapters.documents import Document
from caveat.adapters.fhir import decode
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.glance import SHARED, glance
from caveat.adapters.fhir.group import Grouped, Part, group
from caveat.adapters.fhir.lost import ALL, kind_of, of_file, of_line
from caveat.adapters.fhir.manifest import Promised, lacking, promised
from caveat.adapters.fhir.references import Index
from caveat.adapters.files import documents_of
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import Source
from caveat.errors import InputError
from caveat.facts.patient import Patient


@dataclass(slots=True)
class Survey:
    """What a first look at every file found."""

    counts: Counter[str] = field(default_factory=Counter)
    loose: dict[str, list[Item]] = field(default_factory=dict)
    loose_rejects: dict[str, list[Reject]] = field(default_factory=dict)
    loose_kinds: dict[str, set[str]] = field(default_factory=dict)
    loose_file: dict[str, str] = field(default_factory=dict)
    missing: dict[str, list[Item]] = field(default_factory=dict)
    """What every patient of a group is told of files that were not read to their end."""
    lone: Counter[str] = field(default_factory=Counter)
    """Resources outside Bundles by type, those that cannot be read too."""
    manifests: list[tuple[str, Promised]] = field(default_factory=list)
    lacking: list[Reject] = field(default_factory=list)
    """What manifests promise and was not read."""
    finished: dict[str, list[Reject]] = field(default_factory=dict)
    shared: Index = field(default_factory=Index)
    pages: set[str] = field(default_factory=set)
    groups: dict[str, Grouped] = field(default_factory=dict)

    def loose_group(self, name: str) -> Grouped:
        if name not in self.groups:
            self.groups[name] = group(self.loose[name], source="", wider=self.shared)
            for part in self.groups[name].parts.values():
                part.sources = named_sources(part)
        return self.groups[name]


def named_sources(part: Part, more: Iterable[str] = ()) -> list[str]:
    """The files that resources outside Bundles come from: three of them, and how many more."""
    files = {item.source for item in part.patients}
    files.update(more)
    files.update(item.source for item, _ in part.items)
    named = sorted(files)
    return named[:3] + ([f"{len(named) - 3} more"] if len(named) > 3 else [])


def survey_of(sources: list[Source]) -> Survey:
    """Patients by how many records name them, and every resource that stands outside a Bundle."""
    survey = Survey()
    for source in sources:
        rejects: list[Reject] = []
        others = 0
        for found in documents_of(source):
            if isinstance(found, Reject):
                rejects.append(found)
            elif isinstance(found, Patient):
                others += 1
                survey.counts[found.id] += 1
            elif found.shape == "resource":
                survey.lone[found.kind] += 1
                loose(found, source, survey)
            elif found.shape == "bundle":
                others += 1
                if len(sources) > 1 or found.line is not None or found.path:
                    seen = glance(found.data)
                    survey.counts.update(seen.names)
                    survey.pages |= seen.pages
                    for item in seen.shared:
                        survey.shared.add(item)
            elif found.shape == "lost":
                missing(found, source, survey)
                survey.lone[kind_of(found.data)] += 1
            elif found.shape == "manifest":
                others += 1
                survey.manifests.append((source.group, promised(found.data, source.label)))
            elif found.shape == "native":
                others += 1
                if found.identity:
                    survey.counts[found.identity] += 1
            else:
                others += 1
        if not others:
            survey.finished[source.label] = rejects
    survey.lacking = list(lacking([one for _, one in survey.manifests], survey.lone))
    for name in dict.fromkeys(where for where, _ in survey.manifests):
        told = [of_file(one.source, one.message) for one in survey.lacking]
        survey.missing[name] = survey.missing.get(name, []) + told
    for name, items in survey.missing.items():
        if name in survey.loose:
            survey.loose[name] += items
    for name in survey.loose:
        for identity in survey.loose_group(name).parts:
            survey.counts[identity] += 1
    return survey


def loose(found: Document, source: Source, survey: Survey) -> None:
    """Enters a resource that stands outside a Bundle, and whatever is rejected of it."""
    rejects = survey.loose_rejects.setdefault(source.group, [])
    survey.loose.setdefault(source.group, [])
    survey.loose_kinds.setdefault(source.group, set()).add(found.kind)
    survey.loose_file.setdefault(source.group, source.label)
    try:
        item = decode.resource(found.data, found.kind)
    except InputError as problem:
        rejects.append(reject(problem, source=source.label, line=found.line))
        missing(Document(found.data, "lost", line=found.line), source, survey)
        return
    enter_loose(item, found, source, survey)


def missing(found: Document, source: Source, survey: Survey) -> None:
    """Enters what is left of a resource that cannot be read, and that a file was not read to its end."""
    for item in remains(found, source.label):
        if item.kind == ALL:
            survey.missing.setdefault(source.group, []).append(item)
            continue
        survey.loose_rejects.setdefault(source.group, [])
        survey.loose.setdefault(source.group, []).append(item)
        survey.loose_kinds.setdefault(source.group, set()).add(item.kind)
        survey.loose_file.setdefault(source.group, source.label)


def remains(found: Document, label: str) -> Iterator[Item]:
    """What patients are told of a `lost` document."""
    if found.data:
        yield from of_line(found.data, label, found.line)
    else:
        yield of_file(label, found.kind)


def enter_loose(item: Item, found: Document, source: Source, survey: Survey) -> None:
    """Enters what a resource outside a Bundle was decoded to: an item, a reject, or both."""
    rejects = survey.loose_rejects.setdefault(source.group, [])
    items = survey.loose.setdefault(source.group, [])
    placed = Item(
        item.resource,
        item.kind,
        item.url,
        found.path,
        found.line,
        source.label,
        mends=item.mends,
        version=item.version,
    )
    if item.version:
        rejects.append(
            Reject(
                source.label,
                "fhir-version",
                f"{item.kind} of FHIR {item.version}, not R4; it is judged for nobody",
                line=found.line,
                path=found.path,
                hint="Ask the server for R4 (fhirVersion=4.0), or convert the record",
            )
        )
        _of_another_version(placed, items)
        return
    if item.resource is None and item.mends:
        rejects.append(
            Reject(
                source.label,
                "not-a-record",
                item.mends[0].message,
                found.line,
                found.path,
                item.mends[0].value,
            )
        )
        return
    if item.resource is not None:
        items.append(placed)
    if item.kind in SHARED:
        survey.shared.add(placed)


def _of_another_version(item: Item, items: list[Item]) -> None:
    """Leaves a mark with the patient, so that the record with a part missing is never clear."""
    if item.resource is None:
        return
    if item.kind == "Patient":
        items.append(item)
        return
    empty: Any = type(item.resource)()
    for name in ("id", "subject", "patient"):
        if hasattr(empty, name):
            setattr(empty, name, getattr(item.resource, name))
    message = f"this is FHIR {item.version}, which is not read"
    mark = decode.Mend("", message, "")
    items.append(Item(empty, item.kind, item.url, item.path, item.line, item.source, mends=(mark,)))
