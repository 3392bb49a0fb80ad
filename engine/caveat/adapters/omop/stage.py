"""One pass over the tables: what a run needs, sorted by person, in a file of its own.

The file is written under another name and renamed when it is whole, so that a run that was killed
finds either all of it or nothing.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from caveat.adapters.omop import faults, keys, kinds, people, rows, source, summary, typed, vocabulary
from caveat.adapters.omop import place as at
from caveat.adapters.omop.kinds import Bound
from caveat.adapters.omop.layout import CLINICAL
from caveat.errors import InputError

if TYPE_CHECKING:
    import duckdb

VERSION: Final = 2
FILE: Final = "omop.duckdb"
ABOUT: Final = "omop.json"
_SCRATCH: Final = "omop.scratch.duckdb"
_MEMORY: Final = "768MB"
_ERAS_AS_EXPOSURES: Final = """
    CREATE VIEW work.drug_exposure AS
    SELECT drug_era_id AS drug_exposure_id, person_id, drug_concept_id,
           drug_era_start_date AS drug_exposure_start_date, NULL::TIMESTAMP AS drug_exposure_start_datetime,
           drug_era_end_date AS drug_exposure_end_date, NULL::TIMESTAMP AS drug_exposure_end_datetime,
           NULL::DATE AS verbatim_end_date, NULL::BIGINT AS drug_type_concept_id, NULL AS stop_reason,
           NULL::BIGINT AS days_supply, NULL::BIGINT AS refills, NULL::BIGINT AS route_concept_id,
           NULL AS drug_source_value, NULL::BIGINT AS drug_source_concept_id, NULL AS route_source_value
    FROM work.drug_era
"""


def connect(work: Path, memory: str = _MEMORY, threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB that stays within its memory, spills below `work` and fetches nothing from a network."""
    import duckdb

    spill = work / "spill"
    spill.mkdir(parents=True, exist_ok=True)
    con = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    con.execute("SET TimeZone = 'UTC'")
    if threads is not None:
        con.execute(f"SET threads = {threads:d}")
    return con


def write(
    place: at.Place,
    work: Path,
    say: Callable[[str], None],
    bound: Bound | None = None,
    only: int | None = None,
) -> None:
    """Writes the stage below `work`, of one person if `only`. InputError when the database cannot be read."""
    import duckdb

    target, scratch = work / f"{FILE}.part", work / _SCRATCH
    work.mkdir(parents=True, exist_ok=True)
    _remove(target, scratch)
    con = connect(work)
    try:
        con.execute(f"ATTACH {at.literal(str(scratch))} AS work")
        con.execute(f"ATTACH {at.literal(str(target))} AS stage")
        _write(con, place, work, say, bound, only)
    except duckdb.Error as error:
        raise unreadable(place, error) from None
    finally:
        con.close()
        _remove(scratch)
    target.replace(work / FILE)


def stamp(place: at.Place, bound: Bound | None) -> dict[str, object]:
    """What a stage has to be of, to be used again: its form, the database, whether results were left out."""
    return {"stage": VERSION, "database": place.label, "bound": bound is not None}


def unreadable(place: at.Place, error: BaseException) -> Exception:
    """What to raise for an error of DuckDB: an InputError without a password, an OSError for a full disk."""
    if "No space left" in str(error):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return InputError(
        f"the database cannot be read: {at.brief(error, place.server)}",
        code="database",
        source=place.label,
    )


def _write(
    con: duckdb.DuckDBPyConnection,
    place: at.Place,
    work: Path,
    say: Callable[[str], None],
    bound: Bound | None,
    only: int | None,
) -> None:
    tables = _copied(con, source.tables(con, place, work), say, only)
    say("putting rows in the order of persons")
    people.write(con, tables)
    faults.collect(con, tables)
    for one in keys.ALL:
        keys.count(con, one, tables)
    vocabulary.copy(con, tables)
    for one in keys.ALL:
        keys.build(con, one, partial(kinds.result, bound=bound) if one is keys.RESULTS else one.read)
    rows.write(con, tables)
    faults.write(con)
    rows.divide(con)
    about = summary.about(con, tables, place)
    con.execute("CHECKPOINT stage")
    con.execute("DETACH stage")
    text = json.dumps({**stamp(place, bound), **about}, indent=1)
    (work / ABOUT).write_text(text + "\n", encoding="utf-8")


def _copied(
    con: duckdb.DuckDBPyConnection, tables: source.Tables, say: Callable[[str], None], only: int | None
) -> source.Tables:
    """Every clinical table as `work.<name>` with typed columns; what is read only once is copied first."""
    usable, absent = dict(tables.usable), dict(tables.absent)
    if {"drug_exposure", "drug_era"} <= usable.keys() and _is_empty(con, usable["drug_exposure"]):
        del usable["drug_exposure"]
        absent["drug_exposure"] = "empty"
    if "drug_exposure" in usable:
        usable.pop("drug_era", None)
    if not tables.has("condition_occurrence", "visit_occurrence_id"):
        usable.pop("visit_occurrence", None)
    for name, table in list(usable.items()):
        if name not in CLINICAL:
            continue
        if table.copied or not typed.is_native(table):
            say(f"reading {name}")
            copy = f"work.settled_{name}"
            con.execute(f"CREATE TABLE {copy} AS SELECT {typed.settled(table)} FROM {table.relation}")
            table = replace(table, relation=copy, copied=False, settled=True)
            usable[name] = table
        where = f" WHERE person_id = {only:d}" if only is not None and table.layout.has_persons else ""
        read = f"SELECT {typed.columns(table)} FROM {table.relation}"
        con.execute(f"CREATE VIEW work.{name} AS SELECT * FROM ({read}){where}")
    if "drug_era" in usable:
        con.execute(_ERAS_AS_EXPOSURES)
    return source.Tables(usable, absent)


def _is_empty(con: duckdb.DuckDBPyConnection, table: source.Table) -> bool:
    """Whether a table has no row, nor any line that could not be taken apart."""
    if con.execute(f"SELECT 1 FROM {table.relation} LIMIT 1").fetchone() is not None:
        return False
    return table.rejects is None or con.execute(f"SELECT 1 FROM {table.rejects} LIMIT 1").fetchone() is None


def _remove(*files: Path) -> None:
    for file in files:
        for one in (file, file.with_name(file.name + ".wal")):
            one.unlink(missing_ok=True)
