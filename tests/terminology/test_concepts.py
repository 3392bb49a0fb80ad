"""The concept files agree with each other, load and cache the same, and say what is wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import FILES, digest_of, from_json, load_terminology, rows, to_json
from caveat.terminology.problems import TerminologyError


def test_the_union_of_central_depressants_holds_its_parts_and_no_opioid(terminology: Terminology) -> None:
    depressants = terminology.class_members("central-depressant")
    for part in terminology.ingredient_class("central-depressant").includes:
        assert terminology.class_members(part) <= depressants
        assert terminology.class_members(part)
    assert {"diazepam", "zolpidem", "gabapentin", "tizanidine", "baclofen", "haloperidol"} <= depressants
    assert not depressants & terminology.class_members("opioid")
    assert not depressants & terminology.class_members("antihypertensive")


def test_classes_hold_what_they_are_named_for(terminology: Terminology) -> None:
    assert {"morphine", "tramadol", "pethidine", "buprenorphine"} <= terminology.class_members("opioid")
    assert not {"naloxone", "naltrexone", "loperamide"} & terminology.class_members("opioid")
    blood_pressure = terminology.class_members("antihypertensive")
    assert {"lisinopril", "losartan", "atenolol", "amlodipine", "furosemide", "clonidine"} <= blood_pressure
    assert "baclofen" in terminology.class_members("gaba-b-agonist")
    assert terminology.classes_of("baclofen") == {
        "central-depressant",
        "centrally-acting-muscle-relaxant",
        "gaba-b-agonist",
    }
    assert terminology.classes_of("biotin") == frozenset()


def test_every_member_has_a_source_and_every_name_and_product_an_ingredient(terminology: Terminology) -> None:
    ingredients = terminology.ids("ingredient")
    for c in terminology.ids("class"):
        found = terminology.ingredient_class(c)
        assert found.members
        assert found.members <= ingredients
        assert all(":" in source for source in found.sources.values()), c
    for cells in (*terminology.tables.names.values(), *terminology.tables.products.values()):
        assert set(cells.partition("\t")[0].split("|")) <= ingredients


def test_value_sets_are_filled_and_their_codes_well_formed(terminology: Terminology) -> None:
    for i in sorted(terminology.ids("value_set")):
        v = terminology.value_set(i)
        assert v.labels, i
        assert v.icd10cm or v.snomed or v.kind == "assertion", i
        assert v.words or v.kind == "assertion", i
        assert all(code.isdigit() and 6 <= len(code) <= 18 for code in (*v.snomed, *v.not_snomed)), i
        assert not set(v.snomed) & set(v.not_snomed), i
        assert all(root[0].isalpha() and root[1].isdigit() for root in (*v.icd10cm, *v.excluded)), i
        assert not set(v.icd10cm) & set(v.excluded), i
        for code in v.excluded:
            assert any(code.startswith(root) for root in v.icd10cm), f"{i}: {code} is under no root"
        for root in v.icd10cm:
            assert not any(root != other and root.startswith(other) for other in v.icd10cm), (
                f"{i}: {root} twice"
            )


def test_no_row_of_a_table_is_there_twice(concepts_dir: Path) -> None:
    for name, width, unique in (
        ("ingredients.tsv", 8, 1),
        ("names.tsv", 5, 1),
        ("products.tsv", 7, 2),
        ("value_set_codes.tsv", 5, 2),
        ("class_members.tsv", 3, 2),
        ("words.tsv", 3, 1),
    ):
        seen = [tuple(cells[:unique]) for _, cells in rows(concepts_dir, name, width)]
        assert len(seen) == len(set(seen)), name


def test_observations_are_found_by_code_and_by_name(terminology: Terminology) -> None:
    assert terminology.observation_for(Code("loinc", "2160-0")) == "serum_creatinine"
    assert terminology.observation_for(Code("loinc", "38483-4")) == "serum_creatinine"
    assert terminology.observation_for(Code("loinc", "33914-3")) == "egfr"
    assert terminology.observation_for(Code("loinc", "2164-2")) == "creatinine_clearance"
    assert terminology.observation_for(Code("loinc", "1-8")) is None
    assert terminology.observation_for(Code("snomed", "2160-0")) is None
    assert terminology.observation_named("Serum creatinine") == "serum_creatinine"
    assert terminology.observation_named("weight") == "weight"
    assert terminology.observation_named("shoe size") is None


def test_observation_ranges_nest_and_read_as_numbers(terminology: Terminology) -> None:
    for i in sorted(terminology.ids("observation")):
        o = terminology.observation(i)
        (low, high), (least, most) = o.plausible, o.possible
        assert (low is None) == (least is None) == (high is None) == (most is None), i
        if low is not None and least is not None and high is not None and most is not None:
            assert least <= low < high <= most, i
            assert o.unit, i
    assert terminology.observation("serum_creatinine").analyte == "creatinine"


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("PO", "oral"),
        ("by mouth", "oral"),
        ("per os", "oral"),
        ("Oral use", "oral"),
        ("IT", "intrathecal"),
        ("intrathecal pump", "intrathecal"),
        ("Intrathecal route", "intrathecal"),
        ("IV", "intravenous"),
        ("s.c.", "subcutaneous"),
        ("nowhere", None),
        ("", None),
    ],
)
def test_routes(terminology: Terminology, written: str, route: str | None) -> None:
    assert terminology.route(written) == route


def test_routes_and_forms_by_code(terminology: Terminology) -> None:
    assert terminology.route(Code("snomed", "26643006")) == "oral"
    assert (
        terminology.route(Code("snomed", "72607000", "Intrathecal route (qualifier value)")) == "intrathecal"
    )
    assert terminology.route(Code("local", "X", "Oral")) == "oral"
    assert terminology.route(Code("local", "PO")) == "oral"
    assert terminology.route(Code("local", "X9")) is None
    assert terminology.form("tablets") == "tablet"
    assert terminology.form_concept("tablet").route == "oral"
    assert terminology.form_concept("injection").route == ""
    assert terminology.route_concept("oral").title == "Oral"


def test_an_unverified_rxcui_is_kept_and_not_bound(terminology: Terminology) -> None:
    doubtful = [
        found for i in terminology.ids("ingredient") if not (found := terminology.ingredient(i)).verified
    ]
    assert doubtful
    assert all(terminology.product("rxnorm", found.rxcui) is None for found in doubtful if found.rxcui)


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("ingredient", "baclofn", "baclofen"),
        ("ingredient", "acetaminophn", "paracetamol"),
        ("class", "opiod", "opioid"),
        ("value_set", "epilepsy-or-seizures", "epilepsy-or-seizure"),
        ("observation", "serum_creatinin", "serum_creatinine"),
        ("route", "intratecal", "intrathecal"),
        ("form", "tablte", "tablet"),
    ],
)
def test_suggestions(terminology: Terminology, kind: str, wrong: str, right: str) -> None:
    assert terminology.suggest(kind, wrong)[0] == right  # type: ignore[arg-type]


def test_unknown_ids_are_key_errors(terminology: Terminology) -> None:
    for look in (
        terminology.ingredient,
        terminology.ingredient_class,
        terminology.class_members,
        terminology.value_set,
        terminology.observation,
        terminology.route_concept,
        terminology.form_concept,
    ):
        with pytest.raises(KeyError):
            look("nothing-of-the-kind")


def test_the_cached_form_is_the_same_terminology(terminology: Terminology) -> None:
    data = to_json(terminology)
    again = from_json(data)
    assert again.tables == terminology.tables
    assert to_json(again) == data


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"format": "terminology 0", "tables": {}}'])
def test_a_damaged_cache_is_refused(data: bytes) -> None:
    with pytest.raises(TerminologyError, match="Delete the cached file"):
        from_json(data)


def copy(concepts_dir: Path, to: Path) -> Path:
    for name in FILES:
        shutil.copy(concepts_dir / name, to / name)
    return to


def test_the_digest_follows_every_file(concepts_dir: Path, tmp_path: Path) -> None:
    folder = copy(concepts_dir, tmp_path)
    before = digest_of(folder)
    assert before == digest_of(concepts_dir) == load_terminology(folder).digest
    for name in FILES:
        held = (folder / name).read_bytes()
        (folder / name).write_bytes(held + b"\n")
        assert digest_of(folder) != before, name
        (folder / name).write_bytes(held)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        ("names.tsv", "Zzz\tno-such\tbrand\t\tx", r"names\.tsv:\d+: .*no-such, which is not in ingredients"),
        ("names.tsv", "Lioresal\tdiazepam\tbrand\t\tx", r"names\.tsv:\d+: .*diazepam here and for baclofen"),
        ("names.tsv", "Zzz\tbaclofen", r"names\.tsv:\d+: 2 cells where the heading has 5"),
        ("names.tsv", "!!\tbaclofen\tbrand\t\tx", r"names\.tsv:\d+: a name without a word"),
        ("products.tsv", "rxnorm\t0\tno-such\t\t\tx\tx", r"products\.tsv:\d+: 0 holds no-such"),
        ("products.tsv", "rxnorm\t310798\tbaclofen\t\t\tx\tx", r"310798 is there twice"),
        (
            "products.tsv",
            "rxnorm\t1292\tdiazepam\t\t\tx\tx",
            r"rxnorm\|1292 is bound to baclofen and to diazepam",
        ),
        ("class_members.tsv", "opioid\tno-such\tx: y", r"class_members\.tsv: no-such, a member of opioid"),
        ("class_members.tsv", "no-class\tmorphine\tx: y", r"no-class is not defined in classes\.yaml"),
        ("value_set_codes.tsv", "no-set\t1\tx\tyes\ty", r"no-set is not defined in value_sets\.yaml"),
        (
            "classes.yaml",
            "- {id: a, title: a, definition: a, includes: [b]}",
            r"a includes b, which is not defined",
        ),
        ("classes.yaml", "- {id: a, title: a, definition: a, includes: [a]}", r"a includes itself"),
        ("classes.yaml", "- {title: no id}", r"each with an id"),
        ("classes.yaml", "- [", r"classes\.yaml: not YAML"),
        ("forms.yaml", "- {id: a, title: a, route: b}", r"a implies the route b"),
        ("routes.yaml", "- {id: a, title: a, spellings: [PO]}", r"spelling 'po' belongs to oral and to a"),
        (
            "observations.yaml",
            "- {id: a, title: a, kind: b, loinc: {2160-0: {display: a}}}",
            r"'2160-0' belongs to serum_creatinine and to a",
        ),
    ],
)
def test_contradictions_are_refused(
    concepts_dir: Path, tmp_path: Path, file: str, line: str, message: str
) -> None:
    folder = copy(concepts_dir, tmp_path)
    with (folder / file).open("a", encoding="utf-8") as out:
        out.write(line + "\n")
    with pytest.raises(TerminologyError, match=message):
        load_terminology(folder)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match="a folder of concepts"):
        load_terminology(tmp_path)


KINDS = {
    "allergen",
    "device",
    "diagnostic",
    "fluid",
    "gas",
    "herbal",
    "medicine",
    "nutrition",
    "vaccine",
}


def test_every_row_has_a_kind_and_a_medicine_that_one_source_names_is_flagged(
    terminology: Terminology,
) -> None:
    found = [terminology.ingredient(i) for i in sorted(terminology.ids("ingredient"))]
    assert {one.kind for one in found} == KINDS
    assert terminology.ingredient("baclofen").agreed
    assert not terminology.ingredient("sodium-lactate").agreed
    medicines = [one for one in found if one.kind == "medicine"]
    assert len(medicines) >= 1_000
    assert sum(one.agreed for one in medicines) > 0.7 * len(medicines)
    for one in found:
        assert one.source, one.id
        assert one.kind == "medicine" or not (one.rxcui or one.atc or one.unii), one.id


def test_doctor_counts_verified_and_flagged_rows(terminology: Terminology) -> None:
    from caveat.cli.doctor import _rules
    from caveat.compile.ruleset import load

    found = [terminology.ingredient(i) for i in terminology.ids("ingredient")]
    medicines = [one for one in found if one.kind == "medicine"]
    agreed = sum(one.agreed for one in medicines)
    told = "\n".join(_rules(load()))
    assert f"{len(medicines)} ingredients: {agreed} verified by two sources" in told
    assert f"{len(medicines) - agreed} flagged (one source)" in told
    assert f"{sum(not one.verified for one in medicines)} with a code that is not verified" in told
    assert f"{sum(one.kind == 'allergen' for one in found)} allergen" in told
    assert f"{len(terminology.ids('class'))} classes" in told


def test_a_row_without_a_kind_is_a_medicine(concepts_dir: Path, tmp_path: Path) -> None:
    folder = copy(concepts_dir, tmp_path)
    with (folder / "ingredients.tsv").open("a", encoding="utf-8") as out:
        out.write("foozinol\tfoozinol\t\t\t\tyes\ttest\n")
    assert load_terminology(folder).ingredient("foozinol").kind == "medicine"
