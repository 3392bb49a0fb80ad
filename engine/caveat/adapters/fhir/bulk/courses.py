"""Plain orders and conditions as the facts that the common code would make of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.bulk.columns import Taken
from caveat.adapters.fhir.bulk.held import Held, Plain
from caveat.adapters.fhir.bulk.pools import Courses, Pools
from caveat.adapters.fhir.bulk.sayings import Saying
from caveat.adapters.fhir.references import relative
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Coded

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]

_SEVERAL: Final = msgspec.json.Decoder(list[list[fhir.Reference] | None])
_MISFIT: Final = (msgspec.MsgspecError, UnicodeDecodeError)
_ELSEWHERE: Final = ("Observation/", "MedicationRequest/")


@dataclass(slots=True)
class Reasons:
    """What orders say of their reasons by reference, by row."""

    said: dict[int, tuple[Coded, ...]] = field(default_factory=dict)
    nowhere: dict[int, list[int]] = field(default_factory=dict)
    """Which references of a row point nowhere."""
    open: set[int] = field(default_factory=set)
    """Rows whose reasons only the common code can tell."""


def reasons_of(plain: Plain, pools: Pools, others: Iterable[tuple[str, str]], *, shelved: bool) -> Reasons:
    """The reasons of all orders; `others` are patient and name of each resource that is not plain."""
    import numpy as np

    found = Reasons()
    held, conditions = plain.of["MedicationRequest"], plain.of["Condition"]
    column = held.column("reasons")
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False)).tolist()
    if not rows:
        return found
    try:
        stated = _SEVERAL.decode("[" + ",".join(column.drop_null().to_pylist()) + "]")
    except _MISFIT:
        found.open.update(rows)
        return found
    elsewhere = set(others)
    ids = conditions.column("id").to_pylist()
    template = conditions.numbers("template").tolist()
    known = dict(zip(zip(conditions.who.tolist(), ids, strict=True), template, strict=True))
    who = held.who.tolist()
    for row, references in zip(rows, stated, strict=True):
        said: list[Coded] = []
        nowhere: list[int] = []
        for number, one in enumerate(references or ()):
            name = relative(one.reference) if one.reference else ""
            at = known.get((who[row], name[10:])) if name.startswith("Condition/") else None
            reason = None
            if at is not None:
                if pools.loud_reasons[at]:
                    found.open.add(row)
                reason = pools.reasons[at]
            elif name and (
                shelved or name.startswith(_ELSEWHERE) or (plain.names[who[row]], name) in elsewhere
            ):
                found.open.add(row)
            if reason is None and one.display:
                log = Ledger()
                reason = trusted(Coded, {"text": log.clean(one.display)})
                if log.notes or log.problems:
                    found.open.add(row)
            if reason is None:
                nowhere.append(number)
            elif reason.codes or reason.text:
                said.append(reason)
        if said:
            found.said[row] = tuple(said)
        if nowhere:
            found.nowhere[row] = nowhere
    return found


def sayings(held: Held, courses: Courses) -> tuple[Saying]:
    """What is to be said of rows by their templates."""
    import numpy as np

    template = held.numbers("template")
    loud = np.flatnonzero(courses.loud[template] & held.kept) if len(template) else np.zeros(0, np.int64)
    return (Saying(held, loud, template[loud], [one.log for one in courses.meanings]),)


def nowhere(held: Held, reasons: Reasons) -> Saying:
    """That reasons of orders point nowhere."""
    import numpy as np

    found = {row: numbers for row, numbers in reasons.nowhere.items() if held.kept[row]}
    first = np.array([numbers[0] for numbers in found.values()], np.int64)
    counts = np.array([len(numbers) for numbers in found.values()], np.int64)
    logs = [Ledger() for _ in range(int(first.max(initial=-1)) + 1)]
    for number, log in enumerate(logs):
        message = "a reason for an order points nowhere"
        log.note("reason-unresolved", message, f".reasonReference[{number}]")
    return Saying(held, np.array(list(found), np.int64), first, logs, counts=counts)


def taken(
    held: Held, courses: Courses, patient: Numbers, days: dict[str, str], reasons: Reasons | None = None
) -> Taken:
    """The facts of rows that are kept; `days` are columns by field, `patient` numbers those of the rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from caveat.columns.build import column

    template = held.numbers("template").astype(np.int64)
    is_fact = courses.is_fact[template] if len(template) else np.zeros(0, bool)
    row = np.flatnonzero(held.kept & is_fact)
    of_row = template[row]
    identity = held.column("id")
    source = pc.binary_join_element_wise(pa.scalar(f"{held.kind}/"), identity, pa.scalar(""))
    fields: dict[str, Any] = {name: (pool, of_row) for name, pool in courses.fields.items()}
    fields |= {"id": (identity, row), "source": (source, row)}
    fields |= {name: (held.column(given), row) for name, given in days.items()}
    if reasons is not None and reasons.said:
        pool, numbers = courses.fields["indication"], template.copy()
        more: dict[tuple[int, ...], int] = {}
        indications: list[tuple[Coded, ...]] = []
        for at, said in reasons.said.items():
            key = (int(template[at]), *map(id, said))
            number = more.get(key)
            if number is None:
                number = more[key] = len(indications)
                fact: Any = courses.meanings[key[0]].fact
                indications.append((*((fact.indication or ()) if fact is not None else ()), *said))
            numbers[at] = len(pool) + number
        pool = pa.concat_arrays([pool, column(indications, pool.type, "indication")])
        fields["indication"] = (pool, numbers[row])
    inner = np.zeros(len(row), np.int64)
    return Taken(patient[row], held.file[row], held.line[row], inner, fields)
