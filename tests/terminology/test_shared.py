"""Every medication of the shared sample data is understood, but for those listed with a reason."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caveat.terminology.codes import Code, normalise_system
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve, resolve_allergen

ROOT = Path(__file__).resolve().parents[2]
LISTED = [
    line.split("\t")
    for line in (Path(__file__).parent / "unresolved.tsv").read_text("utf-8").splitlines()[1:]
]


def listed(shared_set: str) -> set[str]:
    """Displays of a shared set that are not understood, each with its reason in the file."""
    return {display for display, why, where in LISTED if where == shared_set and why}


DERIVED = ("ingredients.tsv", "names.tsv", "products.tsv", "value_set_codes.tsv")


def resources(folder: Path, prefix: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob(f"{prefix}*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    for path in sorted(folder.rglob("raw-bundles/*.json")):
        for entry in json.loads(path.read_bytes())["entry"]:
            if entry["resource"]["resourceType"].startswith(prefix):
                yield entry["resource"]


def concepts(folder: Path, prefix: str, field: str) -> set[tuple[tuple[Code, ...], str]]:
    found = set()
    for r in resources(folder, prefix):
        concept = r.get(field) or {}
        codes = tuple(
            Code(normalise_system(c["system"]), c["code"], c.get("display", ""))
            for c in concept.get("coding", ())
        )
        found.add((codes, concept.get("text", "")))
    return found


def test_medications_are_recognised_by_code_and_by_text(shared_dir: Path, terminology: Terminology) -> None:
    seen = concepts(shared_dir / "data" / "fhir", "MedicationRequest", "medicationCodeableConcept")
    seen = {(codes, text) for codes, text in seen if codes or text}
    assert len(seen) > 100
    by_code = {text for codes, text in seen if resolve(terminology, codes, text).unrecognised}
    by_text = {text for _, text in seen if resolve(terminology, (), text).unrecognised}
    assert by_code == set()
    assert by_text == listed("fhir")


def test_allergies_are_recognised_by_code_and_by_text(shared_dir: Path, terminology: Terminology) -> None:
    seen = concepts(shared_dir / "data" / "fhir", "AllergyIntolerance", "code")
    assert len(seen) > 20
    assert {text for codes, text in seen if resolve_allergen(terminology, codes, text).unrecognised} == set()
    named = {w for codes, text in seen for w in (text, *(c.display for c in codes)) if w}
    assert {w for w in named if resolve_allergen(terminology, (), w).unrecognised} == set()


def test_medicines_of_the_omop_set_are_recognised_by_code_and_by_name(
    shared_dir: Path, terminology: Terminology
) -> None:
    archive = shared_dir / "data" / "omop" / "synthea27nj" / "Synthea27Nj_5.4.zip"
    if not archive.is_file():
        pytest.skip("needs the source data in ../shared; lay it beside the checkout to run this")
    with zipfile.ZipFile(archive) as files:
        held = {n.rpartition("/")[2]: n for n in files.namelist() if "__MACOSX" not in n}

        def read(name: str) -> list[dict[str, str]]:
            with files.open(held[name]) as data:
                return list(csv.DictReader(io.TextIOWrapper(data, "utf-8")))

        drugs = {r["concept_id"]: r for r in read("CONCEPT.csv") if r["domain_id"] == "Drug"}
        taken = {r["drug_concept_id"] for r in read("DRUG_EXPOSURE.csv")}
    seen = [drugs[i] for i in sorted(taken) if i in drugs]
    assert len(seen) > 50
    odd = set()
    for row in seen:
        code = Code(normalise_system(row["vocabulary_id"].lower()), row["concept_code"])
        if resolve(terminology, (code,)).unrecognised:
            odd.add((row["vocabulary_id"], row["concept_name"]))
        if resolve(terminology, (), row["concept_name"]).unrecognised:
            odd.add(("text", row["concept_name"]))
    assert odd == {("text", display) for display in listed("omop")}


def test_the_code_that_contradicts_its_display_is_the_only_conflict(
    shared_dir: Path, terminology: Terminology
) -> None:
    seen = concepts(shared_dir / "data" / "fhir", "MedicationRequest", "medicationCodeableConcept")
    odd = {text for codes, text in seen if resolve(terminology, codes, text).conflict}
    assert odd == {"Captopril 25 MG Oral Tablet"}


def test_conditions_are_recognised(shared_dir: Path, terminology: Terminology) -> None:
    seen = concepts(shared_dir / "data" / "fhir", "Condition", "code")
    assert all(terminology.condition_sets(codes[0], text).recognised for codes, text in seen if codes)


def test_a_rebuild_gives_the_same_tables(shared_dir: Path, concepts_dir: Path, tmp_path: Path) -> None:
    if not (shared_dir / "data" / "terminology").is_dir():
        pytest.skip("needs the source data in ../shared; lay it beside the checkout to run this")
    spec = importlib.util.spec_from_file_location("build_concepts", ROOT / "scripts" / "build_concepts.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.build(shared_dir / "data", tmp_path) == []
    for name in DERIVED:
        assert (tmp_path / name).read_bytes() == (concepts_dir / name).read_bytes(), f"{name}: run the script"


def test_a_source_row_nobody_decided_on_stops_the_rebuild(shared_dir: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("build_concepts", ROOT / "scripts" / "build_concepts.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    data = tmp_path / "data"
    data.mkdir()
    for name in ("fhir", "omop"):
        (data / name).symlink_to(shared_dir / "data" / name)
    lists = data / "terminology"
    lists.mkdir()
    for folder in (shared_dir / "data" / "terminology").iterdir():
        if folder.name != "ingredients":
            (lists / folder.name).symlink_to(folder)
    draft = shared_dir / "data" / "terminology" / "ingredients" / "ingredients_draft.csv"
    (lists / "ingredients").mkdir()
    text = draft.read_text("utf-8") + "foozinol,999999,nobody,,\n"
    (lists / "ingredients" / "ingredients_draft.csv").write_text(text, "utf-8")
    problems = module.build(data, tmp_path / "out")
    assert len(problems) == 1
    assert "foozinol" in problems[0]
    assert not (tmp_path / "out").exists()
