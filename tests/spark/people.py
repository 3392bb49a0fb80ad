"""A small cohort full of gaps, with records that are no valid records, and what one machine says of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from caveat.columns.check import checked, conform
from caveat.columns.records import to_batch
from caveat.columns.schema import patients as published
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.spark.work import reread
from caveat.facts.patient import Patient
from strategies import patients as generated
from strategies.sources import Seeded

AS_OF = "2026-01-15"

BAD: list[dict[str, Any]] = [
    {"id": "bad-sex", "sex": "m"},
    {"id": "bad-date", "birth_date": "next week"},
    {"id": "bad-order", "orders": [{"id": "o1", "route": "oral"}]},
    {"id": None, "birth_date": "1950", "source": "ward.parquet:7"},
]
MENDED: dict[str, Any] = {
    "id": "impossible",
    "orders": [{"id": "o1", "text": "baclofen 10 mg tablet"}],
    "weight": {"value": {"value": -70.0, "unit": "kg"}},
}


def patients(number: int, seed: int = 7) -> list[Patient]:
    """Generated patients with ids of their own."""
    found = []
    for index in range(number):
        one = generated.patient(generated.data(Seeded(seed * 10_000 + index)))
        found.append(one.model_copy(update={"id": f"p{index:04d}", "source": f"generated:{index}"}))
    return found


def cohort(number: int = 120) -> pa.Table:
    """Valid records with the bad ones among them; `id` may be null, as in a file it may."""
    rows = to_batch(patients(number)).to_pylist()
    for place, bad in enumerate([*BAD, MENDED]):
        rows.insert(11 * place + 3, dict.fromkeys(published().names) | bad)
    fields = [pa.field(field.name, field.type) for field in published()]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def alone(table: pa.Table, rules: Ruleset, *, because: bool = False) -> dict[str, list[str]]:
    """Findings, patients and rejects of one machine, as sorted lines."""
    batch = conform(table.combine_chunks().to_batches()[0])
    seen = checked(batch, reread)
    screened = Columnar(rules, as_of=AS_OF, because=because).screen(seen.batch)
    return {
        "finding": lines(screened.findings.to_pylist()),
        "patient": lines(screened.patients.to_pylist()),
        "reject": sorted(
            f"{batch.column('id')[row].as_py() or ''} {said['code']}" for row, said in seen.refused
        ),
    }


def lines(rows: Iterable[dict[str, Any]]) -> list[str]:
    """Rows as sorted lines, without the place in a batch."""
    return sorted(json.dumps({k: v for k, v in row.items() if k != "row"}, sort_keys=True) for row in rows)


def sorted_rows(rows: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Rows of `caveat.evaluators.spark.rows`, as `alone` gives them."""
    found: dict[str, list[dict[str, Any]]] = {"finding": [], "patient": [], "reject": [], "part": []}
    for row in rows:
        assert [kind for kind in found if row[kind] is not None] == [row["kind"]]
        found[row["kind"]].append(row[row["kind"]])
    return {
        "finding": lines(found["finding"]),
        "patient": lines(found["patient"]),
        "reject": sorted(f"{one['patient']} {one['code']}" for one in found["reject"]),
    }
