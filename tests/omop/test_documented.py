"""docs/omop.md names every table and column that is read, and every code that is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caveat.adapters.omop.layout import CLINICAL, TABLES, VOCABULARY
from caveat.adapters.omop.standard import OPERATORS, SYSTEMS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "omop.md").read_text("utf-8")
# Said together: `start and end date`, `year, month and day_of_birth`, `amounts and their units`.
TOGETHER = re.compile(
    r"_(?:start|end)_date(?:time)?$|^(?:year|month)_of_birth$|_(?:date|datetime)$|_(?:value|unit_concept_id)$|_source_"
    r"|^ancestor_concept_id$|_id$|^invalid_reason$"
)


@pytest.mark.parametrize("table", [*CLINICAL, *VOCABULARY])
def test_tables(table: str) -> None:
    assert f"| {table} |" in TEXT


@pytest.mark.parametrize("column", sorted({c for t in TABLES.values() for c in t.columns}))
def test_columns(column: str) -> None:
    assert column in TEXT or TOGETHER.search(column) or column in ("cdm_version", "vocabulary_version")


def test_codes_and_concepts() -> None:
    said = set()
    for file in (ROOT / "engine" / "caveat" / "adapters" / "omop").glob("*.py"):
        said |= set(re.findall(r"'([a-z]+(?:-[a-z]+)+)'", file.read_text("utf-8")))
    said -= {"more-problems", "procedure-as-condition"}  # in docs/input.md, and a count of the others
    assert {"orphan-rows", "unit-conflict"} <= said
    assert not {code for code in said if f"`{code}`" not in TEXT}
    assert all(str(concept) in TEXT for concept in OPERATORS)
    assert all(name in TEXT for name in SYSTEMS if name not in ("UCUM", "UNII"))
