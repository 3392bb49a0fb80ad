"""The patients of a bucket with their plain resources as columns; the rest by the common code.

Plain resources of a patient are read by the common code too where another resource may bear on
them: one that is there twice, a List, a stay, a stated circumstance, a reason that is an observation,
a patient without a Patient resource or with a record elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.fhir.bulk import courses, labs
from caveat.adapters.fhir.bulk.columns import Column, Others, column
from caveat.adapters.fhir.bulk.courses import Reasons
from caveat.adapters.fhir.bulk.held import Entry, Held, Plain, Restore
from caveat.adapters.fhir.bulk.known import plainly
from caveat.adapters.fhir.bulk.pools import Pools
from caveat.adapters.fhir.bulk.sayings import Saying
from caveat.adapters.fhir.bulk.sheets import KINDS
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import ORDERED, Part
from caveat.adapters.fhir.observations import Bound
from caveat.adapters.fhir.record import patient
from caveat.adapters.fhir.stated import topic_of
from caveat.adapters.ledger import Ledger
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, Any]

_LONGEST: Final = 64
CHUNK: Final = 5_000
LARGEST: Final = 100_000
"""Patients, and their observations, of a batch: the columnar evaluator is fast on large ones."""

LISTS: Final = {"Observation": "observations", "MedicationRequest": "orders", "Condition": "conditions"}
_FAMILY: Final = dict.fromkeys(ORDERED, "MedicationRequest") | {one: one for one in KINDS[::2]}
"""By type the plain type whose ids it shares."""

Regroup = Callable[[list[Item]], Part]


@dataclass(slots=True)
class Split:
    """The resources of a group: what is plain and kept, and everything else."""

    entries: list[Entry]
    plain: Plain
    reasons: Reasons


class _Watched(Ledger):
    """A ledger that knows whether anything was said out of turn."""

    __slots__ = ("out_of_turn",)

    def __init__(self) -> None:
        super().__init__()
        self.out_of_turn = False

    def note(self, code: str, message: str, path: str = "", count: int = 1) -> None:
        self.out_of_turn |= code != "observations-not-bound"  # which is said last of all
        super().note(code, message, path, count)

    def problem(self, code: str, message: str, path: str = "", value: object = "") -> None:
        self.out_of_turn = True
        super().problem(code, message, path, value)


def split(
    entries: list[Entry], plain: Plain, pools: Pools, restore: Restore, named: set[str], *, shelved: bool
) -> Split | None:
    """Which plain resources can be read as columns; None when none can, for want of simple references."""
    import numpy as np

    numbers = {name: number for number, name in enumerate(plain.names)}
    gone = {kind: np.zeros(len(plain.names), bool) for kind in KINDS}
    persons: set[str] = set()
    others: list[tuple[str, str]] = []
    ids: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for (_, order), item in entries:
        resource: Any = item.resource
        if item.kind == "Patient":
            persons.add(resource.id or item.url)
            continue
        whose = _whose(item)
        if whose is None:
            return None
        number = numbers.get(whose)
        if number is not None:
            for kind in _bears_on(item, resource, order):
                gone[kind][number] = True
        if resource.id:
            others.append((whose, f"{item.kind}/{resource.id}"))
            if item.kind in _FAMILY:
                ids[_FAMILY[item.kind]].append((whose, resource.id))
    elsewhere = [at for name, at in numbers.items() if name in named or name not in persons]
    for kind, held in plain.of.items():
        gone[kind][elsewhere] = True
        gone[kind][[numbers[name] for name in _twice(held, plain.names, ids[kind]) if name in numbers]] = True
    reasons = courses.reasons_of(plain, pools, others, shelved=shelved)
    if reasons.open:
        who = plain.of["MedicationRequest"].who[list(reasons.open)]
        for kind in KINDS:
            gone[kind][who] = True
    gone["Condition"] |= gone["MedicationRequest"]  # whose reasons they may be
    for kind, held in plain.of.items():
        entries.extend(restore.entries(held, held.leave(gone[kind])))
    return Split(entries, plain, reasons)


def _whose(item: Item) -> str | None:
    """The patient's id in a plain reference."""
    resource: Any = item.resource
    subject = resource.patient if item.kind == "AllergyIntolerance" else resource.subject
    return plainly(subject.reference) if subject is not None and subject.reference else None


def _bears_on(item: Item, resource: Any, order: int) -> tuple[str, ...]:
    """The types of plain resources that must be read together with this one."""
    kind = item.kind
    if not resource.id or len(resource.id) > _LONGEST or item.line != order:
        return KINDS
    if kind in ("List", "Encounter", "MedicationAdministration", "DiagnosticReport", "Composition"):
        return KINDS
    if kind == "Observation":
        if resource.contained is not None:
            return KINDS
        parts = (resource, *(resource.component or ()))
        return KINDS if any(topic_of(part.code) is not None for part in parts) else ()
    if kind == "Procedure":
        return ("Condition",)
    if kind in ORDERED:
        named = [one.reference or "" for one in resource.reason_reference or ()]
        found = tuple(one for one in KINDS if any(f"{one}/" in name for name in named))
        requests = (
            kind == "MedicationDispense"
            or (kind == "MedicationStatement" and bool(resource.based_on or resource.derived_from))
            or (kind == "MedicationRequest" and resource.dispense_request is not None)
        )
        return (*found, "MedicationRequest") if requests else found
    return ()


def _twice(held: Held, names: list[str], others: list[tuple[str, str]]) -> set[str]:
    """The patients of ids that occur more than once; `others` are patient and id of what is not plain."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    own = held.column("id")
    ids = pa.concat_arrays([own, pa.array([one for _, one in others], pa.string())]) if others else own
    if pc.count_distinct(ids).as_py() == len(ids):
        return set()
    counted = ids.value_counts()
    again = counted.field(0).filter(pc.greater(counted.field(1), 1))
    rows = np.flatnonzero(pc.is_in(own, again).to_numpy(zero_copy_only=False))
    several = set(again.to_pylist())
    found = {names[one] for one in np.unique(held.who[rows]).tolist()}
    return found | {whose for whose, one in others if one in several}


def read(
    parts: Iterable[Part],
    divided: Split,
    pools: Pools,
    restore: Restore,
    regroup: Regroup,
    bound: Bound | None,
    labels: list[str],
) -> Iterator[tuple[list[Patient], dict[str, pa.Array]]]:
    """Patients without the facts of their plain resources, and the columns of these, some at a time."""
    listed = list(parts)
    columns = _Columns(listed, divided, pools)
    files = {label: number for number, label in enumerate(labels)}
    patients = []
    for number, part in enumerate(listed):
        log = part.log = columns.logs.get(number)
        one = patient(part, bound=bound, unbound=columns.unbound.get(number))
        if log is not None and log.out_of_turn:  # what was said is put in order by the common code
            items = [item for item, _ in part.items]
            whole = [*_placed(items, files), *columns.give_up(number, restore)]
            whole.sort(key=lambda entry: entry[0])
            again = regroup([*part.patients, *(item for _, item in whole), *part.common])
            again.sources, again.assumed = part.sources, part.assumed
            one = patient(again, bound=bound)
        columns.add(number, part, one, files)
        patients.append(one)
    found = columns.finished()
    begins = found["observations"].begins
    low = 0
    while low < len(patients):
        high = low + 1
        while high < min(len(patients), low + CHUNK) and begins[high + 1] - begins[low] <= LARGEST:
            high += 1
        yield patients[low:high], {name: one.lists(low, high) for name, one in found.items()}
        low = high


def _name(item: Item) -> str:
    resource: Any = item.resource
    return f"{item.kind}/{resource.id}"


def _placed(items: Iterable[Item], files: dict[str, int]) -> list[Entry]:
    return [((files[item.source], item.line or 0), item) for item in items]


class _Columns:
    """The columns of the patients of a bucket while these are read one by one."""

    def __init__(self, listed: list[Part], divided: Split, pools: Pools) -> None:
        import numpy as np

        self._plain, self._pools, self._reasons = divided.plain, pools, divided.reasons
        index = {part.id: number for number, part in enumerate(listed)}
        self._patients = len(listed)
        self._number = np.array([index.get(name, -1) for name in divided.plain.names], np.int64)
        self._name = {number: name for name, number in enumerate(self._number.tolist())}
        self._others = {kind: Others() for kind in KINDS}
        labs_held = divided.plain.of["Observation"]
        self._labs = labs.labs_of(labs_held, pools)
        self._out, self.unbound = labs.left_out(self._labs, pools, self._number[labs_held.who])
        self._mixed = {
            kind: set(self._number[held.who[held.kept]].tolist()) for kind, held in divided.plain.of.items()
        }
        self.logs: dict[int, _Watched] = {}
        self._say()

    def _courses(self, kind: str) -> Any:
        return self._pools.orders if kind == "MedicationRequest" else self._pools.conditions

    def _say(self) -> None:
        """What is to be said of plain resources, in the order of the input."""
        loud: list[tuple[int, int, int, int, Saying, int, int]] = []
        plain, pools = self._plain.of, self._pools
        orders = plain["MedicationRequest"]
        for rank, one in enumerate(
            (
                *labs.sayings(self._labs, pools, self._out),
                *courses.sayings(orders, pools.orders),
                *courses.sayings(plain["Condition"], pools.conditions),
                courses.nowhere(orders, self._reasons),
            )
        ):
            held = one.held
            for at, count in one.first(self._number):
                row = one.row(at)
                place = (int(held.file[row]), int(held.line[row]))
                loud.append((*place, one.inner(at), rank, one, at, count))
        loud.sort(key=lambda said: said[:4])
        for *_, one, at, count in loud:
            number = int(self._number[one.held.who[one.row(at)]])
            log = self.logs.get(number)
            if log is None:
                log = self.logs[number] = _Watched()
            one.say(at, count, log)
        for log in self.logs.values():
            log.out_of_turn = False

    def give_up(self, number: int, restore: Restore) -> list[Entry]:
        """All plain resources of a patient, which are then no part of the columns."""
        import numpy as np

        gone = np.zeros(len(self._number), bool)
        gone[self._name[number]] = True
        found: list[Entry] = []
        for kind, held in self._plain.of.items():
            found += restore.entries(held, held.leave(gone))
            self._mixed[kind].discard(number)
        return found

    def add(self, number: int, part: Part, one: Patient, files: dict[str, int]) -> None:
        """Enters the facts of a patient that were read by the common code."""
        for kind, name in LISTS.items():
            facts = getattr(one, name)
            if facts is None:
                continue
            places: dict[str, tuple[int, int]] = {}
            if number in self._mixed[kind]:
                listed = [item for item, _ in part.items if _FAMILY.get(item.kind) == kind]
                places = {_name(item): place for place, item in _placed(listed, files)}
            self._others[kind].add(number, facts, places)

    def finished(self) -> dict[str, Column]:
        """The columns of lists."""
        from caveat.columns import schema

        plain, pools, number = self._plain.of, self._pools, self._number
        held = plain["Observation"]
        orders, conditions = plain["MedicationRequest"], plain["Condition"]
        authored = {"start": "authored"}
        days = {name: name for name in ("onset", "abatement", "recorded")}
        found = {
            "Observation": labs.taken(self._labs, pools, number[held.who], self._out),
            "MedicationRequest": courses.taken(
                orders, pools.orders, number[orders.who], authored, self._reasons
            ),
            "Condition": courses.taken(conditions, pools.conditions, number[conditions.who], days),
        }
        wanted = (schema.observation(), schema.order(), schema.condition())
        return {
            LISTS[kind]: column(found[kind], self._others[kind], self._patients, one)
            for kind, one in zip(KINDS, wanted, strict=True)
        }
