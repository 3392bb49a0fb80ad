"""Whether a patient has any override is told at once, and never wrongly that there is none."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from caveat.service.store.base import Caller, Wanted
from caveat.service.store.glance import Glance
from service.store.making import AT, CALLER, KEYS, answer, record, run, shown, store

HASHED = KEYS.patient("canary-patient", CALLER.tenant)
OTHER = KEYS.patient("another", CALLER.tenant)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database in which one patient has an override."""

    async def work() -> None:
        kept = store(tmp_path)
        await record(kept, told=answer("canary-patient", shown(1, kind="precaution", severity="major")))
        wanted = Wanted("canary-patient", f"{1:020x}", "benefit-outweighs-risk", comment="said", by="Dr")
        await kept.override(wanted, CALLER, AT)
        await kept.close()

    run(work())
    return tmp_path / "store.sqlite"


def test_who_has_none_is_told_at_once(file: Path) -> None:
    glance = Glance(file)
    assert glance.has_none(OTHER)
    assert not glance.has_none(HASHED)
    glance.close()


def test_the_store_tells_the_same_either_way(file: Path) -> None:
    async def work() -> None:
        kept = store(file.parent)
        assert len(await kept.overrides("canary-patient", AT, CALLER.tenant)) == 1
        assert await kept.overrides("another", AT, CALLER.tenant) == ()
        assert await kept.overrides("canary-patient", AT, Caller("x", "south").tenant) == ()
        await kept.close()

    run(work())


def test_an_override_is_seen_as_soon_as_it_is_kept(tmp_path: Path) -> None:
    async def work() -> None:
        kept = store(tmp_path)
        told = answer("p", shown(1, kind="precaution", severity="major"))
        assert await kept.overrides("p", AT, CALLER.tenant) == ()
        await record(kept, told=told)
        wanted = Wanted("p", f"{1:020x}", "benefit-outweighs-risk", comment="said", by="Dr")
        made = await kept.override(wanted, CALLER, AT)
        assert await kept.overrides("p", AT, CALLER.tenant) == (made,)
        await kept.close()

    run(work())


def test_nothing_is_told_where_it_cannot_be_known(file: Path, tmp_path: Path) -> None:
    assert not Glance(None).has_none(OTHER)
    assert not Glance(tmp_path / "nowhere.sqlite").has_none(OTHER)
    assert not (tmp_path / "nowhere.sqlite").exists()
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 100)
    assert not Glance(broken).has_none(OTHER)
    empty = tmp_path / "empty.sqlite"
    sqlite3.connect(empty).close()
    empty.touch()
    assert not Glance(empty).has_none(OTHER)
    busy = Glance(file)
    with busy._lock:
        assert not busy.has_none(OTHER)


def test_a_file_that_was_replaced_is_opened_anew(file: Path, tmp_path: Path) -> None:
    glance = Glance(file)
    assert not glance.has_none(HASHED)
    fresh = tmp_path / "fresh"
    fresh.mkdir()

    async def work() -> None:
        await store(fresh).close()

    run(work())
    shutil.move(fresh / "store.sqlite", file)
    assert glance.has_none(HASHED)
    file.unlink()
    assert not glance.has_none(HASHED)
    glance.close()
