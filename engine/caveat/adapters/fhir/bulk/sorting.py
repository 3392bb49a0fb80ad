"""The first half of a bulk read: every input once, each resource into the bucket of its patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from caveat.adapters.documents import Document, document, is_ndjson
from caveat.adapters.fhir import bundle, decode
from caveat.adapters.fhir.bulk import parcels
from caveat.adapters.fhir.bulk.gather import TAKEN, Gather
from caveat.adapters.fhir.bulk.journal import Journal
from caveat.adapters.fhir.bulk.known import Tables
from caveat.adapters.fhir.bulk.lines import Decoder, Lines
from caveat.adapters.fhir.bulk.place import Places, bucket_of, referred
from caveat.adapters.fhir.bulk.rows import KIND, Native, Row, Spill, row
from caveat.adapters.fhir.bulk.shelf import Filling
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.glance import SHARED, glance
from caveat.adapters.fhir.group import PERSONAL
from caveat.adapters.fhir.lost import ALL, kind_of, of_file
from caveat.adapters.fhir.manifest import Promised, lacking, promised
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.shapes import other_version
from caveat.adapters.files import documents_of
from caveat.adapters.reject import Reject, reject
from caveat.adapters.sources import DAMAGE, HEAD, LARGEST, Source, start, unreadable
from caveat.adapters.survey import Survey, enter_loose, remains
from caveat.errors import InputError
from caveat.facts.patient import Patient

_BLOCK: Final = 1 << 18
"""Small enough that what is made of it stays in a processor's own memory."""
_MISFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Aside(msgspec.Struct):
    """Something set aside, with the patient when it is a whole patient record."""

    reject: Reject
    patient: str | None = None


@dataclass(slots=True)
class Group:
    """What is known of the resources outside Bundles that one folder holds."""

    name: str
    first_file: str = ""
    items: int = 0
    """Resources that hold facts: they are numbered, for a Patient without an id."""
    only: str | None = None
    several: bool = False
    belonging: bool = False
    rejected: bool = False
    kinds: set[str] = field(default_factory=set)
    common: list[Row] = field(default_factory=list)

    def saw(self, kinds: Iterable[str], label: str) -> None:
        """Remembers the types, and the file in which the first of them stood."""
        self.first_file = self.first_file or label
        self.kinds.update(kinds)

    def patient(self, identity: str) -> None:
        """Remembers whether there is more than one Patient."""
        if self.only is None:
            self.only = identity
        elif self.only != identity:
            self.several = True
        self.belonging = True


class Sorting:
    """Takes sources one by one; what it writes is below `folder`."""

    def __init__(self, folder: Path, buckets: int, *, alone: bool, bound: Bound | None = None) -> None:
        self._buckets, self._alone = buckets, alone
        self.places = Places(buckets)
        self.spill = Spill(folder / "rows.bin", buckets)
        self.shelf = Filling(folder / "shared.sqlite")
        self.rejects: Journal[Aside] = Journal(folder / "rejects.bin")
        self.deferred: Journal[Row] = Journal(folder / "deferred.bin")
        self.groups: list[Group] = []
        self.types: Counter[str] = Counter()
        self.lone: Counter[str] = Counter()
        """Resources outside Bundles by type, those that cannot be read too."""
        self.manifests: list[tuple[int, Promised]] = []
        self.codes: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.anything = False
        """Whether any patient, or any reject that is not harmless, was met."""
        self._numbers: dict[str, int] = {}
        self.tables = Tables(bound)
        self.gather = Gather(self.tables, self.places, self.spill.sheets)
        self._decoder = Decoder()
        self._decode_any = msgspec.json.Decoder(decode.union()).decode

    def close(self) -> None:
        """Sees everything on disk."""
        self.spill.close()
        self.shelf.close()
        self.rejects.close()

    def abandon(self) -> None:
        """Gives the files back after a failure."""
        for one in (self.spill, self.shelf, self.rejects, self.deferred):
            one.abandon()

    def aside(self, found: Reject, patient: str | None = None) -> None:
        """Sets one thing aside."""
        self.codes[found.code] += 1
        self.counts["patients_rejected"] += patient is not None
        self.anything = self.anything or not found.harmless
        self.rejects.add(Aside(found, patient))

    def take(self, source: Source, number: int) -> None:
        """Everything in one file."""
        self.counts["files"] += 1
        try:
            with source.open() as raw:
                head, stream = start(raw)
                if head.lstrip()[:1] == b"{" and is_ndjson(head, complete=len(head) < HEAD):
                    self._lines(source, number, stream)
                    return
        except (InputError, *DAMAGE) as error:
            problem = error if isinstance(error, InputError) else unreadable(source.label, error)
            self.aside(reject(problem, source=source.label))
            self._lost(Document(b"", "lost", problem.message), source, number, 0)
            return
        self._documents(source, number)

    def _documents(self, source: Source, number: int, *, after: int = 0, logged: bool = False) -> None:
        """One document after another, beginning past that line; damage to the file is set aside."""
        for order, one in enumerate(documents_of(source), 1):
            line = getattr(one, "line", None)
            if not after or line is None or line > after:
                place = order if line is None else line
                logged = self._document(one, source, number, place, logged=logged)

    def _lines(self, source: Source, number: int, stream: IO[bytes]) -> None:
        """NDJSON a block at a time; a line that is no plain resource is looked at by itself."""
        group = self.group(source)
        rest, line, logged = [b""], 0, False
        while True:
            try:
                block = stream.read(_BLOCK)
            except DAMAGE:  # what stands before it is read all the same, down to the line
                self._documents(source, number, after=line, logged=logged)
                return
            if block and b"\n" not in block:
                rest.append(block)
                if sum(map(len, rest)) >= LARGEST:
                    message = "a line is longer than 1 GiB; reading stops here"
                    self.aside(Reject(source.label, "too-large", message, line + 1))
                    self._lost(Document(b"", "lost", message), source, number, line + 1)
                    return
                continue
            data = b"".join((*rest, block))
            end = data.rfind(b"\n") + 1 if block else len(data)
            rest = [data[end:]]
            if not end:
                break
            lines = self._decoder.lines(data, end)
            logged = self._block(lines, source, number, group, line, logged=logged)
            line += len(lines.found)
            self.spill.held(end)
            if not block:
                break

    def _block(
        self, lines: Lines, source: Source, file: int, number: int, before: int, *, logged: bool
    ) -> bool:
        """The lines of a block, of which `before` stand before it; returns whether the log was named."""
        entered, left = self.gather.take(lines.found, lines.text, before + 1, file, number)
        group = self.groups[number]
        counted = 0
        for place, at in enumerate(left):
            group.items += at - place - counted  # plain resources that stand before this line
            counted = at - place
            logged = self._single(lines, at, source, file, number, before + at + 1, logged=logged)
        plain = sum(entered.values())
        group.items += plain - counted
        if plain:
            group.belonging = True
            self.counts["lines"] += plain
            self.types.update(entered)
            self.lone.update(entered)
            group.saw([kind for kind, count in entered.items() if count], source.label)
        return logged

    def _single(
        self, lines: Lines, at: int, source: Source, file: int, number: int, line: int, *, logged: bool
    ) -> bool:
        """A line by itself; returns whether the log was named."""
        resource = lines.found[at]
        if resource is None or type(resource) in TAKEN:
            text = lines.text(at)
            try:
                resource = self._decode_any(text)
            except _MISFIT:
                if text.strip():
                    whole = text + b"\n" if lines.ends(at) else text
                    one = document(whole, line=line)
                    if isinstance(one, Reject):
                        self._lost(Document(whole, "lost", line=line), source, file, line)
                        self.lone[kind_of(whole)] += 1
                    return self._line(one, source, file, line, logged=logged)
                return logged
        self._resource(resource, source, file, line, number)
        return logged

    def group(self, source: Source) -> int:
        """The number of the source's group."""
        found = self._numbers.get(source.group)
        if found is None:
            found = self._numbers[source.group] = len(self.groups)
            self.groups.append(Group(source.group))
        return found

    def _line(self, one: Document | Reject, source: Source, file: int, line: int, *, logged: bool) -> bool:
        found = one.at(source.label) if isinstance(one, Reject) else one
        return self._document(found, source, file, line, logged=logged)

    def _resource(self, resource: Any, source: Source, file: int, line: int, number: int) -> None:
        """A resource on a line of its own that decoded without anything to mend."""
        group = self.groups[number]
        kind = KIND.get(type(resource))
        self.counts["lines"] += 1
        name = type(resource).__name__[1:] if kind is None else kind
        self.types[name] += 1
        self.lone[name] += 1
        if name not in group.kinds:
            group.saw((name,), source.label)
        if kind is None:
            return
        if kind in PERSONAL:
            if kind in decode.SIDE and not decode.SIDE[kind](resource):
                return
            version = other_version(resource)
            if version:
                item = Item(resource, kind, version=version)
                self._loose(item, Document(b"", "resource", kind, line), source, file, line)
                return
            reference = referred(resource)
            bucket = None if reference is None else self.places.of(reference)
            if bucket is not None:
                run = self.spill.run(bucket, file, number)
                run.at.append(line)
                run.resources.append(resource)
                group.items += 1
                group.belonging = True
                return
        self._place(Item(resource, kind, "", "", line, source.label), number, file, line)

    def _document(
        self, found: Document | Patient | Reject, source: Source, file: int, order: int, *, logged: bool
    ) -> bool:
        """One document; returns whether the source has been named as a log."""
        if isinstance(found, Document) and found.shape == "lost":
            self._lost(found, source, file, order)
            self.lone[kind_of(found.data)] += 1
            return logged
        self.counts["lines"] += getattr(found, "line", None) is not None
        if isinstance(found, Reject):
            self.aside(found)
        elif isinstance(found, Patient):
            self.anything = True
            self.counts["native"] += 1
            frame = self.spill.frame(bucket_of(found.id, self._buckets))
            frame.named.append(found.id)
            frame.natives.append(parcels.as_native(found, source.label, file, order))
        elif found.shape == "bundle":
            self._bundle(found, source, file, order)
        elif found.shape == "native":
            self._native(found, source, file, order)
        elif found.shape == "resource":
            self.types[found.kind] += 1
            self.lone[found.kind] += 1
            try:
                item = decode.resource(found.data, found.kind)
            except InputError as problem:
                group = self.groups[self.group(source)]
                group.saw((found.kind,), source.label)
                group.rejected = True
                self.aside(reject(problem, source=source.label, line=found.line))
                self._lost(Document(found.data, "lost", line=found.line), source, file, order)
            else:
                self._loose(item, found, source, file, order)
        else:
            if found.shape == "manifest":
                self.manifests.append((self.group(source), promised(found.data, source.label)))
            if not logged:
                message = "the log of an export holds no records"
                self.aside(Reject(source.label, "no-patient", message, line=found.line, harmless=True))
            return True
        self.spill.held(len(found.data) if isinstance(found, Document) else 2_000)
        return logged

    def _lost(self, found: Document, source: Source, file: int, order: int) -> None:
        """What is left of a resource that cannot be read; of a file, what its whole group is told."""
        number = self.group(source)
        group = self.groups[number]
        for item in remains(found, source.label):
            if item.kind == ALL:
                group.common.append(row(item, file=file, group=number, order=order))
            else:
                group.saw((item.kind,), source.label)
                self._place(item, number, file, order)

    def hold_to_manifests(self) -> None:
        """Says what manifests promise and was not read, to everybody in their groups too."""
        for one in lacking([promise for _, promise in self.manifests], self.lone):
            self.aside(one)
            for number in dict.fromkeys(group for group, _ in self.manifests):
                self.groups[number].common.append(row(of_file(one.source, one.message), group=number))

    def _loose(self, item: Item, found: Document, source: Source, file: int, order: int) -> None:
        """A resource outside a Bundle with something to say beside it, as the survey enters it."""
        survey = Survey()
        enter_loose(item, found, source, survey)
        number = self.group(source)
        group = self.groups[number]
        group.saw((found.kind,), source.label)
        for one in survey.loose_rejects[source.group]:
            group.rejected = True
            self.aside(one)
        for placed in survey.loose[source.group]:
            self._place(placed, number, file, order)

    def _place(self, item: Item, number: int, file: int, order: int) -> None:
        """An item outside Bundles goes where its patient's are."""
        group = self.groups[number]
        resource: Any = item.resource
        if item.kind == "Patient":
            url = "" if resource.id else f"record#{group.items}"
            identity = resource.id or url
            group.patient(identity)
            kept = row(item, file=file, group=number, order=order)
            kept.url = url
            self.spill.frame(bucket_of(identity, self._buckets)).rows.append(kept)
        elif item.kind == "OperationOutcome":
            group.common.append(row(item, file=file, group=number, order=order))
        elif item.kind in SHARED:
            self.shelf.add(item, number, wide=not item.version)
        else:
            kept = row(item, file=file, group=number, order=order)
            reference = referred(resource)
            bucket = None if reference is None else self.places.of(reference)
            if bucket is None:
                if item.kind in PERSONAL or item.mends:
                    self.deferred.add(kept)
            else:
                group.belonging = True
                self.spill.frame(bucket).rows.append(kept)
        group.items += 1

    def _bundle(self, found: Document, source: Source, file: int, order: int) -> None:
        self.counts["bundles"] += 1
        if not self._alone or found.line is not None or found.path:
            seen = glance(found.data)
            for name in seen.names:
                self.spill.frame(bucket_of(name, self._buckets)).named.append(name)
            for page in seen.pages:
                self.shelf.page(page)
            for item in seen.shared:
                self.shelf.add(item, -1, wide=True)
        try:
            decoded = decode.bundle(found.data)
        except InputError as problem:
            self.aside(reject(problem, source=source.label, line=found.line))
            return
        self.types.update(item.kind for item in decoded.items if item.kind not in ("", "?"))
        label = source.label + (f":{found.line}" if found.line is not None else "")
        grouped, rejects = bundle.sort(decoded, source=label)
        for part in parcels.parts(grouped, decoded, label, file, order):
            self.anything = True
            self.spill.frame(bucket_of(part.id, self._buckets)).parts.append(part)
        for one in rejects:
            self.aside(one if source.found else replace(one, harmless=False))

    def _native(self, found: Document, source: Source, file: int, order: int) -> None:
        self.counts["native"] += 1
        label = source.label + (f":{found.line}" if found.line is not None else "")
        if found.identity:
            self.spill.frame(bucket_of(found.identity, self._buckets)).named.append(found.identity)
        refused = parcels.refused(found, source)
        if refused is not None:
            self.aside(refused, found.identity or label + found.path)
            return
        self.anything = True
        kept = Native(source.label, found.data, found.line, found.path, file, order)
        self.spill.frame(bucket_of(found.identity or "", self._buckets)).natives.append(kept)
