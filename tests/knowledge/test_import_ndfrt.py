"""What the import takes of a table of pairs, and why it leaves the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.compile.ruleset import bundled
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology
from scripts.import_ndfrt import Row, ingredients, main, paired, read_rows

HEAD = "drug_a\tdrug_b\tseverity\tlabel\tndfrt_uri\n"


@pytest.fixture(scope="module")
def terminology() -> Terminology:
    return load_terminology(bundled() / "concepts")


def row(a: str, b: str, label: str, grade: str = "Critical", concept: str = "N1") -> Row:
    return Row((a, b), label, grade, concept)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (row("RIFAMPICIN", "Cyclosporine", "CYCLOSPORINE/RIFAMPIN"), ("ciclosporin", "rifampicin")),
        (row("TAK-390MR", "TACROLIMUS", "DEXLANSOPRAZOLE/TACROLIMUS"), ("dexlansoprazole", "tacrolimus")),
        (row("TACROLIMUS", "Dexlansoprazole", "SOMETHING/TACROLIMUS"), ("dexlansoprazole", "tacrolimus")),
    ],
)
def test_taken(given: Row, taken: tuple[str, ...], terminology: Terminology) -> None:
    assert ingredients(given, terminology) == (taken, "")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (row("Warfarin", "Xqzzyv", "WARFARIN/XQZZYV"), "not one known ingredient each: Xqzzyv"),
        (
            row("Warfarin", "Digoxin", "AMIODARONE/DIGOXIN"),
            "column and label name different drugs: amiodarone, warfarin",
        ),
        (
            row("Warfarin", "Coumadin", "WARFARIN/WARFARIN"),
            "not one known ingredient each: Warfarin and Coumadin",
        ),
        (row("Warfarin", "Digoxin", "DIGOXIN/WARFARIN", "Minor"), "grade not known: Minor"),
    ],
)
def test_left_with_the_reason(given: Row, why: str, terminology: Terminology) -> None:
    assert ingredients(given, terminology) == ((), why)


def test_the_graver_grade_of_a_repeated_pair_is_kept(terminology: Terminology) -> None:
    rows = [
        row("Warfarin", "Digoxin", "DIGOXIN/WARFARIN", "Significant", "N2"),
        row("Digoxin", "Warfarin", "DIGOXIN/WARFARIN", "Critical", "N1"),
    ]
    (pair,), refused = paired(rows, terminology)
    assert (pair.id, pair.grade, pair.concepts) == (
        "digoxin.va-ndfrt-2014.warfarin",
        "Critical",
        ("N1", "N2"),
    )
    assert not refused


def test_same_table_same_bytes(tmp_path: Path) -> None:
    table = tmp_path / "data" / "interactions" / "va-ndfrt-2014" / "ndfrt_ddi_pairs.tsv"
    table.parent.mkdir(parents=True)
    line = "Warfarin\tDIGOXIN\tCritical\tDIGOXIN/WARFARIN [VA Drug Interaction]\thttp://example.org/N1\n"
    table.write_text(HEAD + line, encoding="utf-8")
    assert read_rows(table) == [row("Warfarin", "DIGOXIN", "DIGOXIN/WARFARIN")]
    for name in ("one", "two"):
        assert main(["--shared", str(tmp_path), "--out", str(tmp_path / name)]) == 0
    written = [{f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert written[0] == written[1]
    assert sorted(written[0]) == [
        "d.cases.yaml",
        "d.rules.yaml",
        "departures.md",
        "ledger.yaml",
        "sources.yaml",
    ]


def test_the_pack_is_what_the_shared_table_gives(shared_dir: Path, tmp_path: Path) -> None:
    assert main(["--shared", str(shared_dir), "--out", str(tmp_path / "pack")]) == 0
    shipped = bundled() / "optional" / "va-ndfrt-2014"
    assert {f.name: f.read_bytes() for f in (tmp_path / "pack").iterdir()} == {
        f.name: f.read_bytes() for f in shipped.iterdir()
    }
