"""What is kept of an evaluation, once, and what can be done to it afterwards."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.errors import CaveatError
from caveat.service.question import Answer, FollowUp, Judged, Override, Question, Site
from caveat.service.store import chain
from caveat.service.store.base import Caller
from caveat.service.store.entry import FIELDS, canonical, digest, entry_of, facts_of, question_of
from caveat.service.store.keys import Keys, Unsealable
from caveat.service.store.tables import table
from service.store.making import (
    AT,
    CALLER,
    FACTS,
    KEY,
    KEYS,
    RULESET,
    answer,
    database,
    filled,
    question,
    record,
    run,
    shown,
    store,
)

CANARIES = (b"canary-patient", b"canary-user", b"canary-observation", b"24 mL/min", b"creatinine")


def rows(folder: Path, place: dict[str, Any], name: str) -> list[dict[str, Any]]:
    base = database(folder, **place)
    with base.read() as connection:
        chosen = table(name)
        found = connection.execute(chosen.select().order_by(*chosen.primary_key.columns))
        kept = [row._asdict() for row in found]
    base.close()
    return kept


def test_each_column(place: dict[str, Any], tmp_path: Path) -> None:
    asked = question()
    told = answer(
        "canary-patient", shown(1), shown(2, status="cannot-assess", card=""), shown(3, status="excepted")
    )

    async def work() -> None:
        kept = store(tmp_path, **place)
        assert await record(kept, asked, told) == "stored"
        await kept.close()

    run(work())
    (row,) = rows(tmp_path, place, "audit")
    patient = KEYS.patient("canary-patient", "north")
    (sealed,) = rows(tmp_path, place, "audit_input")
    assert {name: json.loads(row.pop(name)) for name in ("patients", "findings", "counts", "overrides")} == {
        "patients": [patient],
        "findings": [
            {
                "patient": patient,
                "is_clear": False,
                "alerts": 1,
                "cannot_assess": 2,
                "unrecognised": 0,
                "errors": 0,
                "findings": [
                    {
                        "id": one.finding,
                        "rule": one.rule,
                        "status": one.status,
                        "severity": one.severity,
                        "tier": one.tier,
                        "card": one.card,
                        "override": "",
                    }
                    for one in told.judged[0].findings
                ],
            }
        ],
        "counts": {
            "patients": 1,
            "clear": 0,
            "alerts": 1,
            "cannot_assess": 2,
            "unrecognised": 0,
            "errors": 0,
        },
        "overrides": [],
    }
    shown_rows = rows(tmp_path, place, "shown")
    assert row == {
        "sequence": 1,
        "format": 1,
        "evaluation": asked.id,
        "at": AT,
        "kind": "order-sign",
        "issuer": "https://ehr.example",
        "tenant": "north",
        "subject": "app-1",
        "hook_instance": json.loads(asked.body)["hookInstance"],
        "ruleset": RULESET,
        "policy": "site",
        "as_of": "2026-01-15",
        "input_digest": digest(canonical(asked)),
        "output_digest": digest(told.body),
        "status": 200,
        "microseconds": 900,
        "sealed_digest": digest(bytes(sealed["sealed"])),
        "shown_digest": row["shown_digest"],
        "previous": chain.FIRST,
        "hash": row["hash"],
    }
    assert question_of(KEYS, asked.id, bytes(sealed["sealed"])) == asked
    assert [(one["finding"], one["card"], one["status"], one["patient"]) for one in shown_rows] == [
        (shown(1).finding, shown(1).card, "fires", patient),
        (shown(2).finding, "", "cannot-assess", patient),
    ]
    assert [json.loads(one["drugs"]) for one in shown_rows] == [["baclofen"]] * 2
    told_facts = [facts_of(KEYS, asked.id, i, bytes(one["facts"])) for i, one in enumerate(shown_rows)]
    assert told_facts == [FACTS, ()]
    (head,) = rows(tmp_path, place, "audit_head")
    assert (head["sequence"], head["hash"]) == (1, row["hash"])


def test_every_column_but_the_hash_is_hashed(place: dict[str, Any], tmp_path: Path) -> None:
    assert (*FIELDS[max(FIELDS)], "hash") == tuple(column.name for column in table("audit").columns)


def test_no_patient_and_no_value_is_in_the_files(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path)
        assert await record(kept, question()) == "stored"
        blocker = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        assert await record(kept, question()) == "spooled"
        kept_files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
        assert {file.suffix for file in kept_files} >= {".sqlite", ".spool"}
        for file, held in kept_files.items():
            assert not [canary for canary in CANARIES if canary in held], file
        assert b"baclofen.renal.crcl-below-30" in kept_files[tmp_path / "store.sqlite-wal"]
        blocker.rollback()
        blocker.close()
        await kept.close()

    run(work())


def test_append_only(place: dict[str, Any], tmp_path: Path) -> None:
    from sqlalchemy.exc import DBAPIError

    filled(tmp_path, 3, **place)
    base = database(tmp_path, **place)
    statements = {
        "audit": ["UPDATE audit SET status = 201", "DELETE FROM audit"],
        "audit_head": ["DELETE FROM audit_head"],
        "audit_input": ["UPDATE audit_input SET at = 'x'"],
        "shown": ["UPDATE shown SET rule = 'x'"],
    }
    if base.is_postgres:
        statements["audit"] += ["TRUNCATE audit"]
        statements["audit_head"] += ["TRUNCATE audit_head"]
    for name, some in statements.items():
        for statement in some:
            with pytest.raises(DBAPIError, match=f"{name} is append-only"), base.begin() as connection:
                connection.exec_driver_sql(statement)
    base.close()
    assert len(rows(tmp_path, place, "audit")) == 3


def test_once_however_often(place: dict[str, Any], tmp_path: Path) -> None:
    asked, other = question(), question()

    async def work() -> None:
        kept = store(tmp_path, **place)
        together = await asyncio.gather(*(record(kept, one) for one in (asked, other, asked, asked)))
        assert together == ["stored"] * 4
        assert await record(kept, asked) == "stored"
        with pytest.raises(CaveatError, match="is stored with another input or output; ids are used once"):
            await record(kept, asked, answer(body=b"other"))
        assert await record(kept, question()) == "stored"
        assert (await kept.ready())["database"] == "ok"
        await kept.close()

    run(work())
    assert len(rows(tmp_path, place, "audit")) == 3


def test_many_callers_make_one_chain(place: dict[str, Any], tmp_path: Path) -> None:
    async def work() -> list[str]:
        first, second = store(tmp_path, **place), store(tmp_path, **place)
        asked = [question() for _ in range(60)]
        said = await asyncio.gather(*(record((first, second)[i % 2], one) for i, one in enumerate(asked)))
        assert set(said) == {"stored"}
        await first.close()
        await second.close()
        return [one.id for one in asked]

    ids = run(work())
    kept = rows(tmp_path, place, "audit")
    assert sorted(row["evaluation"] for row in kept) == sorted(ids)
    assert [row["sequence"] for row in kept] == list(range(1, 61))
    assert [row["previous"] for row in kept] == [chain.FIRST, *(row["hash"] for row in kept[:-1])]


@pytest.mark.parametrize(
    "odd",
    ["a\x00b", "\ud800", "x" * 5000, "'; DROP TABLE audit; --", "é\u200b\u202e", "", "{}", "%s %(a)s :a"],
)
def test_odd_texts_are_kept(place: dict[str, Any], tmp_path: Path, odd: str) -> None:
    body = json.dumps({"hookInstance": odd}).encode()
    told = answer(odd, shown(rule=odd, finding=odd, card=odd, drugs=(odd,), facts=((odd, odd, None, odd),)))

    async def work() -> None:
        kept = store(tmp_path, **place)
        caller = Caller(odd, odd, odd)
        asked = question(body=body, parameters=((odd, odd),), shown=frozenset((odd, "a", "b")))
        said = await kept.record(asked, told, caller, ruleset=odd, microseconds=1, policy=odd)
        assert said == "stored"
        await kept.close()

    run(work())
    assert len(rows(tmp_path, place, "audit")) == 1


def test_a_body_that_is_not_json_has_no_hook_instance(tmp_path: Path) -> None:
    for body in (b"", b"\xff", b"[1]", b'{"hookInstance": 3}', b'{"hookInstance": "a'):
        made = entry_of(
            question(body=body), answer(), CALLER, KEYS, ruleset="", policy="", microseconds=0, sealed=True
        )
        assert made.row["hook_instance"] == ""


def test_overrides_that_could_not_be_looked_up_are_said() -> None:
    made = entry_of(
        question(overrides=None), answer(), CALLER, KEYS, ruleset="", policy="", microseconds=0, sealed=False
    )
    assert json.loads(made.row["overrides"]) == "not considered"
    assert made.sealed == b""
    assert made.row["sealed_digest"] == ""


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OVERRIDES = st.builds(
    Override,
    *[TEXT] * 5,
    st.lists(TEXT, max_size=2).map(tuple),
    *[TEXT] * 4,
    expires=st.none() | TEXT,
    facts=st.lists(st.tuples(TEXT, TEXT, st.none() | TEXT, st.none() | TEXT), max_size=2).map(tuple),
    follow_up=st.none() | st.builds(FollowUp, TEXT, TEXT, TEXT),
)
QUESTIONS = st.builds(
    Question,
    st.uuids().map(str),
    st.sampled_from(["order-sign", "screen", "stream"]),
    st.binary(max_size=200),
    TEXT,
    TEXT,
    st.builds(Site, TEXT, most=st.integers(0, 10**6), url=st.none() | TEXT, detected_issue=st.booleans()),
    parameters=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    fetched=st.lists(st.tuples(TEXT, st.binary(max_size=20)), max_size=3).map(tuple),
    overrides=st.none() | st.lists(OVERRIDES, max_size=2).map(tuple),
    shown=st.frozensets(TEXT, max_size=6),
)


@given(QUESTIONS)
def test_a_sealed_question_is_the_question(asked: Question) -> None:
    made = entry_of(
        asked, Answer(200, "", b""), CALLER, KEYS, ruleset="", policy="", microseconds=0, sealed=True
    )
    again = question_of(KEYS, asked.id, made.sealed)
    assert again == asked
    assert canonical(again) == canonical(asked)


@given(QUESTIONS, QUESTIONS)
def test_other_questions_have_other_digests(one: Question, other: Question) -> None:
    assert (canonical(one) == canonical(other)) is (one == other)


def test_a_set_has_one_form() -> None:
    names = [f"finding-{number}" for number in range(50)]
    forms = {
        canonical(question(name="a", shown=frozenset(some))) for some in (names, names[::-1], sorted(names))
    }
    assert len(forms) == 1


@given(st.binary(max_size=50), TEXT, TEXT, st.data())
def test_what_is_sealed_opens_only_as_it_was(
    plain: bytes, purpose: str, name: str, data: st.DataObject
) -> None:
    sealed = KEYS.seal(purpose, name, plain)
    assert KEYS.open(purpose, name, sealed) == plain
    place = data.draw(st.integers(0, len(sealed) - 1))
    altered = bytearray(sealed)
    altered[place] ^= data.draw(st.integers(1, 255))
    other = Keys(KEY + b"x")
    for keys, p, n, what in (
        (KEYS, purpose, name, bytes(altered)),
        (KEYS, purpose, name, sealed[:place]),
        (KEYS, purpose + "x", name, sealed),
        (KEYS, purpose, name + "x", sealed),
        (KEYS, name + "x", purpose, sealed),
        (other, purpose, name, sealed),
    ):
        with pytest.raises(Unsealable):
            keys.open(p, n, what)


def test_patients() -> None:
    assert KEYS.patient("p1") == KEYS.patient("Patient/p1")
    hashes = {
        KEYS.patient("p1"),
        KEYS.patient("p2"),
        KEYS.patient("p1", "north"),
        KEYS.patient("hp1", "nort"),
    }
    assert len(hashes | {Keys(KEY + b"x").patient("p1")}) == 5
    assert KEYS.patient("") == KEYS.patient("Patient/") == ""
    with pytest.raises(CaveatError) as caught:
        Keys(b"short")
    assert str(caught.value) == (
        "the audit key has 5 bytes; at least 32 are needed. Make one with: openssl rand -hex 32 > audit.key"
    )


def test_several_patients_and_none(tmp_path: Path) -> None:
    several = Answer(200, "", b"", (Judged("a", ()), Judged("b", (shown(),)), Judged("", ())))
    made = entry_of(question(), several, CALLER, KEYS, ruleset="", policy="", microseconds=0, sealed=True)
    assert json.loads(made.row["patients"]) == [KEYS.patient("a", "north"), KEYS.patient("b", "north"), ""]
    assert json.loads(made.row["counts"])["patients"] == 3


def test_a_commit_is_synced_before_it_is_told(place: dict[str, Any], tmp_path: Path) -> None:
    base = database(tmp_path, **place)
    if base.is_postgres:
        with base.begin() as connection:
            connection.exec_driver_sql("ALTER ROLE keeper SET synchronous_commit = off")
        base.close()
        with base.begin() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
            connection.exec_driver_sql("ALTER ROLE keeper RESET synchronous_commit")
    else:
        for using in (base.begin, base.read):
            with using() as connection:
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    base.close()


def test_the_spool_is_synced_before_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from caveat.service.store.spool import Spool

    made = entry_of(question(), answer(), CALLER, KEYS, ruleset="", policy="", microseconds=0, sealed=True)
    kept = Spool(tmp_path / "spool", 10, KEYS)
    assert kept.append([made]) == 1
    (file,) = (tmp_path / "spool").glob("*.spool")
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    assert kept.append([made, made]) == 2
    assert sizes == [file.stat().st_size]
    kept.close()
