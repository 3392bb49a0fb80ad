"""The same request from many callers at once is stored once, and nobody waits for ever."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from caveat.findings.reasons import SYSTEM
from caveat.service.problems import Refused
from caveat.service.store import chain
from caveat.service.store.base import Caller, Said, Wanted
from caveat.service.store.database import Database
from caveat.service.store.entry import entry_of
from caveat.service.store.feedback import keep_feedback
from caveat.service.store.migrate import upgrade
from caveat.service.store.overriding import active, keep, withdraw
from service.store.making import AT, CALLER, KEYS, RULESET, answer, database, question, shown

MANY = 12


@pytest.fixture
def base(tmp_path: Path, place: dict[str, Any]) -> Any:
    found = database(tmp_path, **{**place, "timeout_seconds": 20})
    upgrade(found)
    told = answer(
        "p1", shown(kind="interaction", severity="major"), shown(1, kind="dosing", severity="major")
    )
    entry = entry_of(
        question("p1"), told, CALLER, KEYS, ruleset=RULESET, policy="", microseconds=1, sealed=True
    )
    with found.begin() as connection:
        chain.prepare(connection, KEYS)
        chain.append(connection, KEYS, [entry])
    yield found
    found.close()


def wanted(key: str = "", comment: str = "c") -> Wanted:
    return Wanted("p1", "0" * 20, "other", comment, "Practitioner/1", key=key)


def at_once(work: Any, arguments: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(work, arguments, timeout=60))


def count(base: Database, statement: str) -> int:
    with base.read() as connection:
        return int(connection.exec_driver_sql(statement).scalar_one())


def test_one_key(base: Database) -> None:
    def run(number: int) -> str:
        with base.begin() as connection:
            return keep(connection, KEYS, wanted("the key"), CALLER, AT).id

    assert len(set(at_once(run, list(range(MANY))))) == 1
    assert count(base, "SELECT count(*) FROM overrides") == 1
    assert count(base, "SELECT count(*) FROM audit WHERE kind = 'override'") == 1


def test_one_key_for_two_requests(base: Database) -> None:
    def run(number: int) -> int:
        try:
            with base.begin() as connection:
                keep(connection, KEYS, wanted("the key", f"comment {number % 2}"), CALLER, AT)
        except Refused as refusal:
            return refusal.status
        return 201

    found = at_once(run, list(range(MANY)))
    assert sorted(found) == [201] * (MANY // 2) + [409] * (MANY // 2)
    assert count(base, "SELECT count(*) FROM overrides") == 1


def test_callers_have_keys_of_their_own(base: Database) -> None:
    other = Caller("https://other.example", CALLER.tenant)
    with base.begin() as connection:
        first = keep(connection, KEYS, wanted("k"), CALLER, AT)
        second = keep(connection, KEYS, wanted("k", "else"), other, AT)
    assert first.id != second.id


def test_batches_of_feedback_in_any_order(base: Database) -> None:
    """Each waits for what another has begun, in whatever order: no deadlock, every item once."""
    said = [
        Said(one.card, "overridden", f"2026-01-15T10:{minute:02}:00.000000Z", (), ("other", SYSTEM, "x"), "c")
        for one in (shown(), shown(1))
        for minute in range(4)
    ]

    def run(seed: int) -> int:
        mixed = list(said)
        random.Random(seed).shuffle(mixed)
        with base.begin() as connection:
            return keep_feedback(connection, KEYS, mixed, CALLER, "caveat", AT)

    assert sum(at_once(run, list(range(MANY)))) == len(said)
    assert count(base, "SELECT count(*) FROM feedback") == len(said)
    assert count(base, "SELECT sum(times) FROM feedback") == len(said) * MANY
    assert count(base, "SELECT count(*) FROM overrides") == len(said)
    with base.read() as connection:
        held = active(connection, KEYS, KEYS.patient("p1", CALLER.tenant), AT)
    assert {one.by for one in held} == {"Practitioner/canary-user"}


def test_withdrawn_once(base: Database) -> None:
    with base.begin() as connection:
        made = keep(connection, KEYS, wanted(), CALLER, AT)

    def run(number: int) -> bool:
        with base.begin() as connection:
            return withdraw(connection, KEYS, made.id, CALLER, f"2026-01-15T11:{number:02}:00.000Z")

    assert at_once(run, list(range(MANY))) == [True] * MANY
    assert count(base, "SELECT count(*) FROM audit WHERE kind = 'override-withdrawn'") == 1
    with base.read() as connection:
        whose = KEYS.patient("p1", CALLER.tenant)
        assert len(active(connection, KEYS, whose, AT)) == 1  # as it was at that instant
        assert active(connection, KEYS, whose, "2026-01-15T12:00:00.000Z") == ()


def test_an_override_is_never_deleted(base: Database) -> None:
    with base.begin() as connection:
        keep(connection, KEYS, wanted(), CALLER, AT)
    with pytest.raises(Exception, match="append-only"), base.begin() as connection:
        connection.exec_driver_sql("DELETE FROM overrides")
    assert count(base, "SELECT count(*) FROM overrides") == 1
