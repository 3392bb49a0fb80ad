"""Any change of the audit trail is found, whichever column, row or table it is in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from caveat.errors import CaveatError
from caveat.service.audit.trail import prune
from caveat.service.audit.verify import Verdict, parse_head, verify
from caveat.service.store import chain
from caveat.service.store.chain import FIRST, Head
from caveat.service.store.database import Database
from caveat.service.store.entry import row_bytes
from caveat.service.store.keys import Keys
from caveat.service.store.tables import table
from service.store.making import AT, KEYS, database, filled, question, record, run, store, unguarded

NAMES = ("audit", "audit_head", "audit_input", "shown")
COUNT = 8


def columns(name: str) -> list[str]:
    return [column.name for column in table(name).columns]


def said(base: Database, *earlier: Head) -> list[str]:
    return [str(fault) for fault in verify(base, KEYS, earlier).faults]


@pytest.fixture
def base(place: dict[str, Any], tmp_path: Path) -> Any:
    filled(tmp_path, COUNT, **place)
    found = database(tmp_path, **place)
    yield found
    found.close()


def head_of(base: Database) -> Head:
    verdict = verify(base, KEYS)
    assert verdict.faults == ()
    return verdict.head


def test_untouched(base: Database) -> None:
    verdict = verify(base, KEYS)
    assert verdict == Verdict(COUNT, verdict.head, 0, ())
    assert verdict.head.sequence == COUNT
    assert said(base, verdict.head) == []
    assert parse_head(str(verdict.head)) == verdict.head


def test_an_empty_trail(place: dict[str, Any], tmp_path: Path) -> None:
    filled(tmp_path, 0, **place)
    base = database(tmp_path, **place)
    assert verify(base, KEYS) == Verdict(0, Head(0, FIRST), 0, ())
    assert said(base, Head(0, FIRST)) == []
    base.close()


ALTERED = {
    "INTEGER": ("{0} + 1", "-{0} - 1", "0 * {0} + 77"),
    "BIGINT": ("{0} + 1000", "-{0} - 1"),
    "TEXT": ("{0} || 'x'", "'x' || {0}"),
    "VARCHAR": ("substr({0}, 2)", "'0'"),
    "BLOB": ("{0} || {0}",),
    "BYTEA": ("{0} || {0}",),
}


@pytest.mark.parametrize(("name", "column"), [(n, c) for n in NAMES for c in columns(n)])
def test_each_column(base: Database, name: str, column: str) -> None:
    kind = table(name).c[column].type.compile(base.engine.dialect).partition("(")[0]
    row = {"audit_head": "id = 1", "shown": "sequence = 3 AND position = 1"}.get(name, "sequence = 3")
    for change in ALTERED[kind]:
        with base.read() as connection:
            before = connection.exec_driver_sql(f"SELECT {column} FROM {name} WHERE {row}").scalar_one()
        unguarded(base, f"UPDATE {name} SET {column} = {change.format(column)} WHERE {row}")
        assert said(base), (name, column, change)
        key = (
            f"{column} = {change.format(_literal(base, before))}"
            if column in ("id", "sequence", "position")
            else row
        )
        rest = "" if name != "shown" or column == "position" else " AND position = 1"
        rest = " AND sequence = 3" if column == "position" else rest if column == "sequence" else ""
        unguarded(base, f"UPDATE {name} SET {column} = {_literal(base, before)} WHERE {key}{rest}")
        assert said(base) == [], "the change was not taken back"


def _literal(base: Database, value: Any) -> str:
    if isinstance(value, (bytes, memoryview)):
        plain = bytes(value).hex()
        return f"'\\x{plain}'::bytea" if base.is_postgres else f"x'{plain}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''").replace("%", "%%") + "'"


def test_first_bad_row_and_why(base: Database) -> None:
    unguarded(
        base,
        "UPDATE audit SET status = 204 WHERE sequence = 5",
        "UPDATE audit SET status = 1 WHERE sequence = 7",
    )
    assert said(base) == [
        "row 5: was altered: its hash does not fit its columns",
        "row 7: was altered: its hash does not fit its columns",
    ]


def test_a_row_rehashed_without_the_key(base: Database) -> None:
    """Somebody who knows how it is done, but not the key, writes a chain of his own from row 5 on."""
    forged = Keys(b"not the secret of the site, but as long")
    with base.read() as connection:
        rows = [dict(row) for row in connection.execute(table("audit").select()).mappings()]
    rows.sort(key=lambda row: row["sequence"])
    statements, previous = [], rows[3]["hash"]
    for row in rows[4:]:
        row |= {"status": 204, "previous": previous}
        previous = forged.chained(row_bytes(row))
        statements.append(
            f"UPDATE audit SET status = 204, previous = '{row['previous']}', hash = '{previous}' "
            f"WHERE sequence = {row['sequence']}"
        )
    vouched = forged.head(COUNT, previous)
    unguarded(base, *statements, f"UPDATE audit_head SET hash = '{previous}', vouched = '{vouched}'")
    found = said(base)
    assert found[0] == "row 5: was altered: its hash does not fit its columns"
    assert found[-1].startswith("head: it was not written with the key")


def test_a_row_removed(base: Database) -> None:
    unguarded(base, *(f"DELETE FROM {name} WHERE sequence = 5" for name in ("audit", "audit_input", "shown")))
    assert said(base) == [
        "row 5: is missing",
        "row 6: does not follow the row before it: rows were removed, inserted, reordered or replaced",
    ]
    unguarded(base, *(f"DELETE FROM {name} WHERE sequence = 6" for name in ("audit", "audit_input", "shown")))
    assert said(base)[0] == "row 5: is missing, as are the rows to 6"


def test_a_row_removed_and_those_behind_it_renumbered(base: Database) -> None:
    names = ("audit", "audit_input", "shown")
    unguarded(
        base,
        *(f"DELETE FROM {name} WHERE sequence = 5" for name in names),
        *(f"UPDATE {name} SET sequence = -sequence WHERE sequence > 5" for name in names),
        *(f"UPDATE {name} SET sequence = -sequence - 1 WHERE sequence < 0" for name in names),
    )
    assert said(base)[0].startswith("row 5: ")


def test_two_rows_swapped(base: Database) -> None:
    names = ("audit", "audit_input", "shown")
    for old, new in ((4, -1), (5, 4), (-1, 5)):
        unguarded(base, *(f"UPDATE {name} SET sequence = {new} WHERE sequence = {old}" for name in names))
    assert said(base)[0].startswith("row 4: ")


def test_a_row_copied_to_the_end(base: Database) -> None:
    names = [name for name in columns("audit") if name not in ("sequence", "evaluation")]
    unguarded(
        base,
        f"INSERT INTO audit (sequence, evaluation, {', '.join(names)}) "
        f"SELECT {COUNT + 1}, 'new', {', '.join(names)} FROM audit WHERE sequence = 2",
    )
    found = said(base)
    assert found[0] == (
        f"row {COUNT + 1}: does not follow the row before it: rows were removed, inserted, reordered or "
        "replaced"
    )
    assert f"head: it names row {COUNT}, and the chain ends at row {COUNT + 1}" in found


def cut(base: Database, last: int) -> str:
    unguarded(
        base, *(f"DELETE FROM {name} WHERE sequence > {last}" for name in ("audit", "audit_input", "shown"))
    )
    with base.read() as connection:
        return str(connection.exec_driver_sql(f"SELECT hash FROM audit WHERE sequence = {last}").scalar_one())


def test_the_end_cut_off(base: Database) -> None:
    earlier = head_of(base)
    last = cut(base, 6)
    assert said(base) == [f"head: it names row {COUNT}, and the chain ends at row 6"]
    unguarded(base, f"UPDATE audit_head SET sequence = 6, hash = '{last}'")
    assert said(base) == [
        "head: it was not written with the key: the chain may have been cut short before it"
    ]
    assert said(base, earlier)[0] == (
        f"row {COUNT}: is gone: that head was written down, and the chain ends at 6. The end was cut off, "
        "or an older copy of the database was put back"
    )


def test_the_head_taken_away(base: Database) -> None:
    unguarded(base, "DELETE FROM audit_head")
    assert said(base) == ["head: there are 0 head rows where one with the id 1 should be"]


def test_an_older_copy_put_back(tmp_path: Path) -> None:
    filled(tmp_path, COUNT)
    shutil.copy(tmp_path / "store.sqlite", tmp_path / "older")

    async def more() -> None:
        kept = store(tmp_path)
        await record(kept, question())
        await kept.close()

    run(more())
    base = database(tmp_path)
    earlier = head_of(base)
    base.close()
    for left in tmp_path.glob("store.sqlite-*"):
        left.unlink()
    shutil.copy(tmp_path / "older", tmp_path / "store.sqlite")
    base = database(tmp_path)
    assert said(base) == []
    assert said(base, earlier) == [
        f"row {COUNT + 1}: is gone: that head was written down, and the chain ends at {COUNT}. The end was "
        "cut off, or an older copy of the database was put back"
    ]
    base.close()
    run(more())
    base = database(tmp_path)
    assert said(base) == []
    assert said(base, earlier) == [f"row {COUNT + 1}: is not the row it was when that head was written down"]
    base.close()


def test_a_sealed_input_of_another_row(base: Database) -> None:
    unguarded(
        base,
        "UPDATE audit_input SET sealed = (SELECT sealed FROM audit_input WHERE sequence = 2) "
        "WHERE sequence = 3",
    )
    assert said(base) == ["row 3: its sealed input was altered, or is not the one that was written"]


def test_inputs_and_what_was_shown_taken_away_without_a_word(base: Database) -> None:
    unguarded(
        base,
        "DELETE FROM audit_input WHERE sequence = 3",
        "DELETE FROM shown WHERE sequence = 3 AND position = 0",
    )
    assert said(base) == [
        "row 3: its sealed input is gone, and no prune in the chain speaks of it",
        "row 3: what it showed was altered, removed in part or added to",
    ]
    unguarded(base, "DELETE FROM shown WHERE sequence = 3")
    assert said(base)[1] == "row 3: what it showed is gone, and no prune in the chain speaks of it"


def test_something_added_to_what_was_shown(base: Database) -> None:
    names = ", ".join(name for name in columns("shown") if name not in ("sequence", "position"))
    for number, position in ((1, 0), (3, 2), (99, 0)):
        unguarded(
            base,
            f"INSERT INTO shown (sequence, position, {names}) SELECT {number}, {position}, {names} "
            "FROM shown WHERE sequence = 2",
        )
    assert said(base) == [
        "row 1: what it showed was altered, removed in part or added to",
        "row 3: what it showed was altered, removed in part or added to",
        "row 99: something is said to have been shown by a row that is not there",
    ]


def test_pruned_inputs_are_said_and_the_chain_holds(base: Database) -> None:
    earlier = head_of(base)
    later = "2026-03-01T00:00:00.000Z"
    assert prune(base, KEYS, before="2026-01-01T00:00:00.000Z", at=AT) == (0, 0)
    assert prune(base, KEYS, before="2026-02-01T00:00:00.000Z", at=later) == (COUNT, COUNT - 1)
    verdict = verify(base, KEYS, [earlier])
    assert (verdict.rows, verdict.pruned, verdict.faults) == (COUNT + 2, COUNT, ())
    unguarded(
        base,
        f"UPDATE audit SET findings = replace(findings, '2026-02', '2026-03') WHERE sequence = {COUNT + 2}",
    )
    assert said(base)[0].startswith(f"row {COUNT + 2}: was altered")


def test_a_prune_does_not_excuse_what_came_after_it(
    base: Database, place: dict[str, Any], tmp_path: Path
) -> None:
    prune(base, KEYS, before="2026-02-01T00:00:00.000Z", at="2026-03-01T00:00:00.000Z")

    async def more() -> None:
        kept = store(tmp_path, **place)
        await record(kept, question())  # as of the same day as those that were pruned
        await kept.close()

    run(more())
    assert said(base) == []
    unguarded(base, f"DELETE FROM audit_input WHERE sequence = {COUNT + 2}")
    assert said(base) == [
        f"row {COUNT + 2}: its sealed input is gone, and no prune in the chain speaks of it"
    ]


def test_with_another_key_nothing_holds(base: Database) -> None:
    faults = verify(base, Keys(b"another secret of at least 32 bytes")).faults
    assert len(faults) == 20 or len(faults) > COUNT
    assert str(faults[0]) == "row 1: was altered: its hash does not fit its columns"


def test_texts_where_numbers_belong(tmp_path: Path) -> None:
    filled(tmp_path, COUNT)
    base = database(tmp_path)
    unguarded(
        base,
        "UPDATE shown SET sequence = 'abc' WHERE sequence = 2",
        "UPDATE audit SET sequence = 'five' WHERE sequence = 5",
        "UPDATE audit_input SET sealed = 'text' WHERE sequence = 6",
        "UPDATE audit SET format = 'one' WHERE sequence = 7",
    )
    found = said(base)
    assert found
    assert any("row 5" in one for one in found)
    base.close()


@pytest.mark.parametrize("text", ["", "abc:1", "g" * 64 + ":1", "a" * 64, "a" * 64 + ":x"])
def test_a_head_that_is_none(text: str) -> None:
    with pytest.raises(CaveatError, match="--head takes what `caveat audit verify` printed"):
        parse_head(text)


def test_rows_that_grow_while_it_is_read(place: dict[str, Any], tmp_path: Path) -> None:
    """One state of the database is read: rows that come meanwhile are no fault."""
    filled(tmp_path, COUNT, **place)
    base, other = database(tmp_path, **place), database(tmp_path, **place)
    original = chain.append

    async def more() -> None:
        kept = store(tmp_path, **place)
        await record(kept, question())
        await kept.close()

    import threading

    from caveat.service.audit import verify as module

    def slowly(connection: Any) -> Any:
        rows = original_rows(connection)
        yield next(rows)
        thread = threading.Thread(target=lambda: run(more()))
        thread.start()
        thread.join()
        yield from rows

    original_rows = module._rows
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_rows", slowly)
        assert verify(base, KEYS).faults == ()
    assert verify(other, KEYS).rows == COUNT + 1
    assert original is chain.append
    base.close()
    other.close()
