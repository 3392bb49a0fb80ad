"""Patients of the stage as batches of the published schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from caveat.adapters.cohort.base import Chunk, Rejected
from caveat.adapters.cohort.tables_check import checked
from caveat.adapters.omop import place as at
from caveat.adapters.omop.lookup import Lookup
from caveat.adapters.omop.stage import FILE, connect
from caveat.adapters.reject import Reject

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_REJECTS: Final = 1_000
_MEMORY: Final = "384MB"
_NOTES: Final = "SELECT * FROM stage.note WHERE n BETWEEN ? AND ? ORDER BY rowid"
_PROBLEMS: Final = "SELECT * FROM stage.problem WHERE n BETWEEN ? AND ? ORDER BY rowid"
_ORDERS: Final = """
    SELECT n, id, kind, start::VARCHAR AS start, stop::VARCHAR AS stop, stop IS NULL AS is_open,
           '{drugs}/' || id AS source
    FROM stage.orders WHERE n BETWEEN ? AND ? ORDER BY rowid
"""
_CONDITIONS: Final = """
    SELECT n, kind, CASE origin WHEN 0 THEN id::VARCHAR ELSE 'procedure_occurrence/' || id END AS id,
           onset::VARCHAR AS onset, abatement::VARCHAR AS abatement,
           CASE origin WHEN 0 THEN 'condition_occurrence/' ELSE 'procedure_occurrence/' END || id AS source
    FROM stage.conditions WHERE n BETWEEN ? AND ? ORDER BY n, origin, rowid
"""
_RESULTS: Final = """
    SELECT n, kind, unit, number, comparator, answer, words, day::VARCHAR AS "at", false AS preliminary,
           CASE origin WHEN 0 THEN 'measurement/' ELSE 'observation/' END || id AS source
    FROM stage.results WHERE n BETWEEN ? AND ? ORDER BY n, origin, rowid
"""
_ALLERGIES: Final = """
    SELECT n, CASE origin WHEN 0 THEN 'condition_occurrence/' ELSE 'observation/' END || id AS id,
           CASE WHEN allergen IS NULL AND answered IS NOT NULL AND NOT denied THEN answered
                WHEN allergen IS NULL THEN codes ELSE [] END AS codes,
           CASE WHEN allergen IS NULL AND (answered IS NOT NULL OR words IS NOT NULL) AND NOT denied
                THEN coalesce(name, words) ELSE coalesce(allergen, text) END AS text,
           allergy_type AS type, CASE WHEN denied THEN 'refuted' END AS verification,
           recorded::VARCHAR AS recorded,
           CASE origin WHEN 0 THEN 'condition_occurrence/' ELSE 'observation/' END || id AS source
    FROM (
        SELECT o.*, coalesce(k.codes, q.codes) AS codes, coalesce(k.text, q.text) AS text,
               coalesce(k.allergen, q.allergen) AS allergen,
               coalesce(k.allergy_type, q.allergy_type) AS allergy_type,
               c.name, c.codes AS answered,
               coalesce(lower(coalesce(c.name, o.words)) IN
                   ('no', 'absent', 'negative', 'false', 'not present', 'none', 'denied'), false) AS denied,
               o.rowid AS place
        FROM stage.allergies o
        LEFT JOIN stage.condition_kind k ON o.origin = 0 AND k.kind = o.kind
        LEFT JOIN stage.result_kind q ON o.origin = 1 AND q.kind = o.kind
        LEFT JOIN stage.answer c ON c.concept_id = o.answer
        WHERE o.n BETWEEN ? AND ?
    ) ORDER BY n, origin, place
"""


class Stage:
    """The stage of a run, open for reading; parts are read by any number of processes."""

    def __init__(self, work: Path, about: dict[str, Any]) -> None:
        self._about = about
        self._con = connect(work, _MEMORY, threads=1)
        self._con.execute(f"ATTACH {at.literal(str(work / FILE))} AS stage (READ_ONLY)")
        self._drugs = Lookup(self._con, "drug_kind", "kind")
        self._conditions = Lookup(self._con, "diagnosis_kind", "kind")
        self._results = Lookup(self._con, "result_kind", "kind")
        self._units = Lookup(self._con, "unit_kind", "kind")
        self._answers = Lookup(self._con, "answer", "concept_id")

    def close(self) -> None:
        """Gives the file and the memory back."""
        self._con.close()

    def parts(self) -> int:
        """At least one, so that what was set aside has a place."""
        row = self._con.execute("SELECT max(part) FROM stage.chunk").fetchone()
        return 1 if row is None or row[0] is None else int(row[0]) + 1

    def find(self, person_id: int) -> int | None:
        """The number of a person, or None."""
        row = self._con.execute("SELECT n FROM stage.patient WHERE person_id = ?", [person_id]).fetchone()
        return None if row is None else int(row[0])

    def read(self, part: int) -> Iterator[Chunk]:
        """The patients of a part; the first part carries what was set aside and belongs to no patient."""
        chunks = self._con.execute(
            "SELECT first, last FROM stage.chunk WHERE part = ? ORDER BY chunk", [part]
        ).fetchall()
        if part == 0:
            rejected = self._rejected("n IS NULL", [])
            unnumbered = int(self._about["unnumbered"])
            if not chunks or rejected:
                yield Chunk(self.batch(0, -1), tuple(rejected), unnumbered)
        for first, last in chunks:
            row = self._con.execute(
                "SELECT sum(rows) FROM stage.patient WHERE n BETWEEN ? AND ?", [first, last]
            ).fetchone()
            batch, refused = checked(self.batch(first, last), source=self._about["database"])
            rejected = self._rejected("n BETWEEN ? AND ?", [first, last])
            yield Chunk(batch, (*rejected, *refused), int(row[0] if row else 0))

    def batch(self, first: int, last: int) -> pa.RecordBatch:
        """The rows of the patients from number `first` to `last`."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from caveat.adapters.omop import lists
        from caveat.columns.schema import patients

        wanted = patients()
        span = [first, last]
        people = self._table("SELECT * FROM stage.patient WHERE n BETWEEN ? AND ? ORDER BY n", span)
        drugs = self._about["drugs_from"] or "drug_exposure"
        numbers = people.column("n").to_numpy()
        columns: dict[str, pa.Array] = {
            "id": people.column("person_id").cast(pa.string()),
            "birth_date": people.column("birth"),
            "sex": people.column("sex"),
            "deceased": people.column("deceased"),
            "source": pc.binary_join_element_wise(
                "person", people.column("person_id").cast(pa.string()), "/"
            ),
        }
        rows = {
            "orders": self._orders(self._table(_ORDERS.replace("{drugs}", drugs), span)),
            "conditions": self._diagnoses(self._table(_CONDITIONS, span)),
            "allergies": lists.fields(self._table(_ALLERGIES, span)),
            "observations": self._observations(self._table(_RESULTS, span)),
            "notes": lists.fields(self._table(_NOTES, span)),
            "problems": lists.fields(self._table(_PROBLEMS, span)),
        }
        for name, given in rows.items():
            columns[name] = lists.column(numbers, given, wanted.field(name).type, name)
        columns["complete"] = lists.completeness(columns["allergies"], wanted.field("complete").type)
        return lists.batch(columns, len(people), wanted)

    def _orders(self, rows: pa.Table) -> dict[str, pa.Array]:
        import pyarrow.compute as pc

        from caveat.adapters.omop import lists

        given = lists.fields(rows)
        names = (
            "text",
            "codes",
            "ingredients",
            "route",
            "origin",
            "tapered",
            "strength",
            "strength_unit",
            "ended",
        )
        given |= self._drugs.of(given["kind"], names)
        given["strength"] = lists.quantities(given["strength"], given["strength_unit"])
        ended = pc.and_(given["ended"], given["is_open"])
        given["status"] = pc.if_else(ended, "stopped", None)
        given["id"] = lists.identities(given["n"], given["id"])
        return given

    def _diagnoses(self, rows: pa.Table) -> dict[str, pa.Array]:
        from caveat.adapters.omop import lists

        given = lists.fields(rows)
        return given | self._conditions.of(given["kind"], ("codes", "text", "verification"))

    def _observations(self, rows: pa.Table) -> dict[str, pa.Array]:
        from caveat.adapters.omop import lists

        given = lists.fields(rows)
        given |= self._results.of(given["kind"], ("codes", "text"))
        unit = self._units.of(given["unit"], ("unit",))["unit"]
        given["value"] = lists.quantities(given["number"], unit, given["comparator"])
        told = self._answers.of(given["answer"], ("codes", "name"))
        given["answer"] = lists.answers(told["codes"], told["name"], given["words"])
        return given

    def _table(self, sql: str, values: list[int]) -> pa.Table:
        return self._con.execute(sql, values).to_arrow_table()

    def _rejected(self, where: str, values: list[int]) -> list[Rejected]:
        rows = self._con.execute(
            "SELECT person, source, line, path, code, message, value, hint FROM stage.fault "
            f"WHERE {where} ORDER BY person IS NULL, rowid",
            values,
        ).fetchall()
        found: list[Rejected] = []
        for person, source, line, path, code, message, value, hint in rows:
            if person is None and len(found) >= _MOST_REJECTS:
                break
            found.append(
                Rejected(Reject(source, code, message, line, path or "", value or "", hint or ""), person)
            )
        if len(found) < len(rows):
            more = f"{len(rows) - len(found):,} further cells or lines are not listed here"
            found.append(Rejected(Reject(self._about["database"], "more-rejects", more)))
        return found
