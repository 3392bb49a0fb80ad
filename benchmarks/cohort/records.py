"""Engines that take one record: the same rules on a sample of the same records, a time a patient."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from benchmarks.cohort.catalogue import catalogue
from benchmarks.cohort.flat import Flat
from benchmarks.cohort.settings import AS_OF, PLAIN, TODAY
from benchmarks.neutral import FACTS, NeutralPatient, NeutralRule, make_rules
from benchmarks.peers import Clips, Durable, Peer, ZenExpression, ZenTable, missing

PEERS: tuple[type[Peer], ...] = (Durable, ZenTable, ZenExpression, Clips)


def rules(count: int) -> tuple[NeutralRule, ...]:
    """Pair and threshold rules over 300 ingredients: the 100 most prescribed and 200 others."""
    prescribed = catalogue(PLAIN).ingredients
    others = random.Random(3).sample(prescribed[100:], min(200, len(prescribed) - 100))
    return make_rules(count, [*prescribed[:100], *others])


def sample(flat: Flat, count: int) -> list[NeutralPatient]:
    """The first `count` patients as the peers are handed them: ingredients taken, and numbers known.

    Patients with a product of several ingredients are passed over: caveat asks for two orders, and the
    peers are not told which order an ingredient is of. The id is the place of the patient.
    """
    names = {number: name for name, number in flat.numbers.items()}
    taken: dict[int, set[str]] = {}
    mixed: set[int] = set()
    orders: set[tuple[int, int]] = set()
    query = f"SELECT DISTINCT patient, nth, ingredient FROM taken WHERE patient < {2 * count}"
    for patient, nth, number in flat.connection.execute(query).fetchall():
        taken.setdefault(patient, set()).add(names[number])
        if (patient, nth) in orders:
            mixed.add(patient)
        orders.add((patient, nth))
    query = f"""SELECT patient, age, weight, creatinine, potassium FROM people WHERE patient < {2 * count}
    ORDER BY patient"""
    found = []
    for patient, *numbers in flat.connection.execute(query).fetchall():
        known = tuple((fact, float(n)) for fact, n in zip(FACTS, numbers, strict=True) if n is not None)
        if patient not in mixed:
            found.append(NeutralPatient(str(patient), tuple(sorted(taken.get(patient, ()))), known))
    return found[:count]


def hits(
    kind: type[Peer], given: Sequence[NeutralRule], patients: Sequence[NeutralPatient]
) -> set[tuple[int, str]]:
    """Place of the patient and id of the rule, for every rule that holds."""
    peer = kind(given)
    return {(int(patient.id), rule) for patient in patients for rule in peer.hits(peer.prepare(patient))}


def judging(
    kind: type[Peer], given: Sequence[NeutralRule], patients: Sequence[NeutralPatient]
) -> Callable[[], None]:
    """One pass over the patients, in the peer's own form before the time."""
    peer = kind(given)
    prepared: list[Any] = [peer.prepare(patient) for patient in patients]

    def once() -> None:
        for patient in prepared:
            peer.hits(patient)

    return once


def from_records(
    kind: type[Peer], given: Sequence[NeutralRule], batch: pa.RecordBatch, meant: Mapping[str, Sequence[str]]
) -> Callable[[], None]:
    """One pass over records as caveat takes them: read, put into the peer's form, judged."""
    peer = kind(given)

    def once() -> None:
        for number, row in enumerate(batch.to_pylist()):
            peer.hits(peer.prepare(facts(row, number, meant)))

    return once


def meanings(flat: Flat) -> dict[str, tuple[str, ...]]:
    """The ingredients of each way to write an order: recognised by caveat, outside the time."""
    names = {number: name for name, number in flat.numbers.items()}
    found: dict[str, tuple[str, ...]] = {}
    for key, number in flat.connection.execute("SELECT DISTINCT key, ingredient FROM names").fetchall():
        found[key] = (*found.get(key, ()), names[number])
    return found


_CONCEPTS = {
    **dict.fromkeys(("29463-7", "weight"), "weight"),
    **dict.fromkeys(("2160-0", "serum_creatinine", "creatinine"), "serum_creatinine"),
    **dict.fromkeys(("2823-3", "potassium"), "potassium"),
}
_FACTORS = {"umol/L": 1 / 88.4, "[lb_av]": 0.45359237}


def facts(row: Mapping[str, Any], number: int, meant: Mapping[str, Sequence[str]]) -> NeutralPatient:
    """What a peer is told of a plain record, by a few lines of Python: no gaps, no oddities."""
    taken = {name for order in row["orders"] or () if _current(order) for name in meant.get(_key(order), ())}
    numbers = {"age": float(_age(row["birth_date"]))}
    latest: dict[str, str] = {}
    for seen in row["observations"] or ():
        codes = seen["codes"]
        fact = _CONCEPTS.get(codes[0]["code"] if codes else seen["concept"] or seen["text"])
        if fact is not None and seen["at"] > latest.get(fact, ""):
            latest[fact] = seen["at"]
            numbers[fact] = seen["value"]["value"] * _FACTORS.get(seen["value"]["unit"], 1)
    return NeutralPatient(
        str(number), tuple(sorted(taken)), tuple((f, numbers[f]) for f in FACTS if f in numbers)
    )


def _key(order: Mapping[str, Any]) -> str:
    codes = ",".join(f"{code['system']}:{code['code']}" for code in order["codes"] or ())
    return f"{order['text'] or ''}|{codes}|{','.join(order['ingredients'] or ())}"


def _current(order: Mapping[str, Any]) -> bool:
    status, start, stop = order["status"], order["start"], order["stop"]
    if status in ("completed", "stopped", "cancelled", "entered-in-error") or (stop and stop < AS_OF):
        return False
    if status or stop or not start or order["origin"] not in ("administration", "dispense"):
        return True
    return bool(start >= _LOOK_BACK)


_LOOK_BACK = (TODAY - dt.timedelta(days=30)).isoformat()


def _age(born: str) -> int:
    return TODAY.year - int(born[:4]) - (born[5:] > AS_OF[5:])


def installed() -> tuple[type[Peer], ...]:
    """Those that can be used here."""
    return tuple(kind for kind in PEERS if missing(kind) is None)
