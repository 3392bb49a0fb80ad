"""The plain resources of a bucket, read back: by type, with their places and patients as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.bulk import sheets
from caveat.adapters.fhir.bulk.gather import STATUSES
from caveat.adapters.fhir.bulk.meaning import Form
from caveat.adapters.fhir.decode import Item

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from caveat.adapters.fhir.bulk.state import State

    Numbers = np.ndarray[Any, Any]

Entry = tuple[tuple[int, int], Item]
"""Number of the file and place in it, and what stands there."""


@dataclass(slots=True)
class Held:
    """The plain resources of one type and one group; rows that are not `kept` go to the common code."""

    kind: str
    batch: pa.RecordBatch
    file: Numbers
    line: Numbers
    who: Numbers
    """Numbers of patients."""
    kept: Numbers

    def column(self, name: str) -> pa.Array:
        """A column of all rows."""
        return self.batch.column(self.batch.schema.get_field_index(name))

    def numbers(self, name: str) -> Numbers:
        """A column of numbers."""
        found: Numbers = self.column(name).to_numpy()
        return found

    def leave(self, whose: Numbers) -> Numbers:
        """Gives up the rows of patients, True by number; returns those that were kept until now."""
        import numpy as np

        gone: Numbers = np.flatnonzero(whose[self.who] & self.kept)
        self.kept[gone] = False
        return gone


@dataclass(slots=True)
class Plain:
    """All plain resources of a group in a bucket, and the ids of their patients by number."""

    names: list[str]
    of: dict[str, Held]

    def files(self, labels: list[str]) -> dict[str, set[str]]:
        """The files that hold a patient's plain resources."""
        import numpy as np

        found: dict[str, set[str]] = {}
        for held in self.of.values():
            for pair in np.unique(held.who * len(labels) + held.file).tolist():
                who, file = divmod(pair, len(labels))
                found.setdefault(self.names[who], set()).add(labels[file])
        return found


def plain_of(pieces: Iterable[tuple[int, memoryview]]) -> dict[int, Plain]:
    """The plain resources of each group that has any."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows: list[list[memoryview]] = [[] for _ in sheets.KINDS]
    for number, some in pieces:
        rows[number].append(some)
    batches = {kind: sheets.read(kind, some) for kind, some in zip(sheets.KINDS, rows, strict=True)}
    groups = np.unique(np.concatenate([one.column("group").to_numpy() for one in batches.values()])).tolist()
    found: dict[int, Plain] = {}
    for group in groups:
        whole = len(groups) == 1
        some_of = {
            kind: one if whole else one.filter(pc.equal(one.column("group"), group))
            for kind, one in batches.items()
        }
        whose = pa.concat_arrays([one.column("whose") for one in some_of.values()]).dictionary_encode()
        numbers = whose.indices.to_numpy().astype(np.int64)
        held: dict[str, Held] = {}
        begin = 0
        for kind, one in some_of.items():
            count = one.num_rows
            held[kind] = Held(
                kind,
                one,
                one.column("file").to_numpy().astype(np.int64),
                one.column("line").to_numpy(),
                numbers[begin : begin + count],
                np.ones(count, bool),
            )
            begin += count
        found[group] = Plain(whose.dictionary.to_pylist(), held)
    return found


class Restore:
    """Plain resources as the items they were."""

    def __init__(self, state: State, labels: list[str]) -> None:
        self._state, self._labels = state, labels

    def entries(self, held: Held, rows: Any) -> list[Entry]:
        """The items of some rows."""
        import pyarrow as pa

        make: Any = {
            "Observation": self._observation,
            "MedicationRequest": self._order,
            "Condition": self._condition,
        }[held.kind]
        if not len(rows):
            return []
        found: list[Entry] = []
        for row in held.batch.take(pa.array(rows)).to_pylist():
            resource = make(row)
            resource.id = row["id"]
            resource.subject = fhir.Reference(f"Patient/{row['whose']}")
            if row["updated"] is not None or row["version"] is not None:
                resource.meta = fhir.Meta(row["updated"], row["version"])
            item = Item(resource, held.kind, "", "", row["line"], self._labels[row["file"]])
            found.append(((row["file"], row["line"]), item))
        return found

    def _observation(self, row: dict[str, Any]) -> fhir.Observation:
        form = self._state.forms[row["form"]]
        numbers = row["numbers"].split(" ")
        resource = fhir.Observation() if form.answer is None else replace(form.answer)
        if form.amount is not None:
            resource.value_quantity = _amount(form, numbers[0])
        if form.parts is not None:
            resource.component = [
                fhir.Component(self._state.concepts[concept], _amount(self._state.forms[unit], number))
                for (concept, unit), number in zip(form.parts, numbers, strict=True)
            ]
        resource.status = STATUSES[row["status"]]
        resource.code = self._state.concepts[row["concept"]]
        resource.effective_date_time, resource.issued = row["at"], row["issued"]
        return resource

    def _order(self, row: dict[str, Any]) -> fhir.MedicationRequest:
        resource: fhir.MedicationRequest = replace(
            self._state.orders[row["template"]], authored_on=row["authored"]
        )
        resource.reason_reference = reasons(row["reasons"])
        return resource

    def _condition(self, row: dict[str, Any]) -> fhir.Condition:
        resource: fhir.Condition = replace(
            self._state.conditions[row["template"]],
            onset_date_time=row["onset"],
            abatement_date_time=row["abatement"],
            recorded_date=row["recorded"],
        )
        return resource


_REASONS = msgspec.json.Decoder(list[fhir.Reference] | None)


def reasons(text: str | None) -> list[fhir.Reference] | None:
    """The references of a `reasonReference` as it stands in the file."""
    return None if text is None else _REASONS.decode(text)


def _amount(form: Form, number: str) -> fhir.Amount:
    assert form.amount is not None
    return replace(form.amount, value=Decimal(number))
