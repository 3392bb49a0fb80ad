"""Results without a LOINC code that is known: read by name where nothing is doubtful, never forgotten."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

import caveat
from adapters.builder import LOINC, codes, observation, person, read, request
from caveat.adapters.cohort.bulk import KnownCodes
from caveat.compile.ruleset import Ruleset
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.observed import latest
from caveat.facts.patient import Patient
from cohort.bulk_records import assert_same

SITE = "http://hospital.example/lab"
KNOWN = KnownCodes(frozenset(("2160-0", "2823-3")))


@lru_cache(maxsize=1)
def rules() -> Ruleset:
    return caveat.load()


def result(text: str | None, value: Any = None, identity: str = "r1", **fields: Any) -> dict[str, Any]:
    """A result of a laboratory that codes nothing in LOINC."""
    code: dict[str, Any] = {"coding": [{"system": SITE, "code": "4711"}]}
    if text is not None:
        code["coding"][0]["display"] = text
    quantity = {} if value is None else {"valueQuantity": dict(zip(("value", "unit"), value, strict=True))}
    return observation(identity, **{"code": code, **quantity, **fields})


def facts(*resources: dict[str, Any]) -> Patient:
    return read(*resources, bound=KNOWN)


def only(*resources: dict[str, Any]) -> Observation:
    found = facts(*resources).observations
    assert found is not None
    assert len(found) == 1
    return found[0]


def why(patient: Patient, concept: str) -> str:
    found = latest(Chart(patient, rules().terminology, as_of=740_000), concept)
    return "" if found.interval is not None else found.missing[0].reason


@pytest.mark.parametrize(
    ("text", "value", "concept"),
    [
        ("Creatinine", (1.4, "mg/dL"), "serum_creatinine"),
        ("S-Kreatinin", (124, "umol/L"), "serum_creatinine"),
        ("Potassium [K]", (5.9, "mmol/L"), "potassium"),
        ("K+", (5.9, "mEq/L"), "potassium"),
        ("eGFR (CKD-EPI)", (28, "mL/min/1.73m2"), "egfr"),
        ("INR", (3.1, "{INR}"), "inr"),
        ("Calcium", (2.9, "mmol/L"), "calcium"),
        ("Poids", (71, "kg"), "weight"),
        ("Albumin", (38, "g/L"), "albumin"),
    ],
)
def test_a_name_that_leaves_no_doubt_is_a_fact(text: str, value: Any, concept: str) -> None:
    patient = facts(result(text, value))
    assert codes(patient.notes) == ["result-by-name"]
    assert patient.observations is not None
    assert (patient.observations[0].concept, str(patient.observations[0].value)) == (
        concept,
        f"{value[0]} {value[1]}",
    )
    assert why(patient, concept) == ""


def test_the_text_counts_as_a_display_does() -> None:
    code = {"coding": [{"system": SITE, "code": "4711"}], "text": "Serum potassium"}
    assert only(result(None, (5.9, "mmol/L"), code=code)).concept == "potassium"
    assert only(result(None, (5.9, "mmol/L"), code={"text": "Kalium"})).concept == "potassium"


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "Creatinine, urine", "value": (12, "mmol/L")},
        {"text": "Creatinine", "value": (1.2, "g/(24.h)")},
        {"text": "Creatinine", "value": (85, "mL/min")},
        {"text": "Creatinine", "value": (110, "mg/mmol")},
        {"text": "Creatinine", "value": (1.2, "mg/dL"), "specimen": {"display": "Urine"}},
        {"text": "Potassium hydroxide", "value": (2, "mmol/L")},
        {"text": "Albumin", "value": (30, "mg/L")},
        {"text": "Bilirubin", "valueString": "negative"},
        {"text": "INR", "value": (105, "%")},
        {"text": "Weight", "value": (5, "%")},
        {"text": "K", "value": (0.5, "ng/mL")},
        {"text": "NA", "valueString": "see report"},
    ],
)
def test_something_else_is_only_counted(fields: dict[str, Any]) -> None:
    patient = facts(result(**fields))
    assert patient.observations is None
    assert codes(patient.notes) == ["observations-not-bound"]
    assert patient.problems == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (
            {"text": "Potassium Nova device", "value": (4.1, "mmol/L")},
            "'Potassium Nova device: 4.1 mmol/L of 2026-01-05'",
        ),
        # 120 mg/dL is usual in urine.
        ({"text": "Creatinine", "value": (38, "mg/dL")}, "'Creatinine: 38 mg/dL of 2026-01-05'"),
        ({"text": "Creatinine", "value": (120, "mg/dL")}, "'Creatinine: 120 mg/dL of 2026-01-05'"),
        (
            {"text": "Sodium", "value": (128, "mmol/L"), "specimen": {"reference": "Specimen/gone"}},
            "'Sodium: 128 mmol/L of 2026-01-05'",
        ),
    ],
)
def test_a_doubtful_result_is_neither_used_nor_forgotten(fields: dict[str, Any], reason: str) -> None:
    patient = facts(result(**fields))
    assert codes(patient.notes) == ["result-not-certain"]
    concept = only(result(**fields)).concept
    assert concept is not None
    assert (
        why(patient, concept) == f"{reason} may be it, but has no LOINC code that is known: code it in LOINC"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((4.1, None), "4.1 has no unit"),
        ((4.1, "zval"), "4.1 zval: 'zval' is not a unit"),
        ((4.1, "mmol"), "4.1 mmol: mmol does not convert to mmol/L"),
        ((4.1, "mg/dL"), "4.1 mg/dL: mg/dL is no unit of potassium"),
    ],
)
def test_a_certain_name_in_a_unit_that_does_not_fit_says_so(value: Any, reason: str) -> None:
    assert why(facts(result("Potassium", value)), "potassium").startswith(reason)


def test_an_older_result_does_not_stand_in_for_a_doubtful_one() -> None:
    old = observation(
        "old",
        code={"coding": [{"system": LOINC, "code": "2823-3"}]},
        valueQuantity={"value": 4.0, "unit": "mmol/L"},
    )
    new = result("Potassium Nova device", (6.3, "mmol/L"), effectiveDateTime="2026-01-09")
    assert "Nova device: 6.3" in why(facts(old, new), "potassium")
    assert why(facts(old, {**new, "effectiveDateTime": "2026-01-01"}), "potassium") == ""


def loinc(code: str, display: str | None, text: str | None = None) -> dict[str, Any]:
    coding = {"system": LOINC, "code": code, **({"display": display} if display else {})}
    return {"coding": [coding], **({"text": text} if text else {})}


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (loinc("77777-7", "Potassium [Moles/volume] in Mixed venous blood"), "certain"),
        (loinc("77777-7", None, "Potassium"), "open"),
        (loinc("77777-7", "Potassium [Moles/volume] in Urine", "Potassium"), "other"),
        (loinc("2828-2", None, "Potassium"), "other"),
        (loinc("2823-3", "Potassium", "Potassium Nova device"), "bound"),
    ],
)
def test_a_loinc_code_that_is_not_bound_is_trusted_by_its_specimen_alone(
    code: dict[str, Any], what: str
) -> None:
    patient = facts(result(None, (4.4, "mmol/L"), code=code))
    found = {"certain": ["result-by-name"], "open": ["result-not-certain"], "bound": []}
    assert codes(patient.notes) == found.get(what, ["observations-not-bound"])
    assert (why(patient, "potassium") == "") is (what in ("certain", "bound"))


def specimen(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "Specimen", "id": "s1", "subject": {"reference": "Patient/p1"}, **fields}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ({"text": "Serum"}, "certain"),
        ({"coding": [{"system": "http://snomed.info/sct", "code": "119297000"}]}, "certain"),
        ({"coding": [{"code": "SER"}]}, "certain"),
        ({"coding": [{"display": "Urine specimen"}]}, "other"),
        ({"coding": [{"system": "http://snomed.info/sct", "code": "122575003"}]}, "other"),
        ({"text": "tube 7"}, "open"),
    ],
)
@pytest.mark.parametrize("inside", [True, False])
def test_the_specimen_decides(kind: dict[str, Any], what: str, inside: bool) -> None:
    one = result("Sodium", (128, "mmol/L"), specimen={"reference": "#s1" if inside else "Specimen/s1"})
    if inside:
        one["contained"] = [specimen(type=kind)]
    patient = facts(*([] if inside else [specimen(type=kind)]), one)
    found = {"certain": ["result-by-name"], "open": ["result-not-certain"]}
    assert codes(patient.notes) == found.get(what, ["observations-not-bound"])
    assert patient.problems == ()


def test_a_specimen_without_a_patient_is_no_matter() -> None:
    lone = {"resourceType": "Specimen", "id": "s1", "type": {"text": "Serum"}}
    patient = facts(lone, result("Sodium", (128, "mmol/L"), specimen={"reference": "Specimen/s1"}))
    assert codes(patient.notes) == ["result-by-name"]


@pytest.mark.parametrize("value", ["<0.5 mg/dL", ">= 20 mg/dL"])
def test_a_comparator_is_kept(value: str) -> None:
    found = only(result("Creatinine", valueString=value))
    assert found.concept == "serum_creatinine"
    assert str(found.value).replace(" ", "") == value.replace(" ", "")


def test_components_are_read_by_name_too() -> None:
    part = {"code": {"text": "Kalium"}, "valueQuantity": {"value": 5.8, "unit": "mmol/L"}}
    other = {"code": {"text": "Kalium im Urin"}, "valueQuantity": {"value": 58, "unit": "mmol/L"}}
    found = facts(result("Elektrolyte", component=[part, other])).observations
    assert [(one.concept, one.value and one.value.value) for one in found or ()] == [
        ("potassium", Decimal("5.8")),
        (None, Decimal(58)),
    ]


def test_what_was_cancelled_is_left_out() -> None:
    patient = facts(result("Potassium", (5.9, "mmol/L"), status="entered-in-error"))
    assert patient.observations is None
    assert codes(patient.notes) == ["entered-in-error-observation"]


def test_without_a_vocabulary_a_loinc_code_may_be_any() -> None:
    one = result(None, (4.4, "mmol/L"), code=loinc("77777-7", None, "Potassium"))
    assert [o.concept for o in read(one).observations or ()] == [None]
    assert [o.concept for o in read(result("Potassium", (4.4, "mmol/L"))).observations or ()] == ["potassium"]


def test_a_text_beside_the_loinc_code_of_urine_is_not_read() -> None:
    """In a native record too."""
    made = {"codes": ["loinc|2161-8"], "text": "Creatinine", "value": "1.2 mg/dL", "at": "2026-01-05"}
    assert (
        why(Patient.model_validate({"id": "p", "observations": [made]}), "serum_creatinine") == "not recorded"
    )
    del made["codes"]
    made["text"] = "S-Kreatinin"
    assert why(Patient.model_validate({"id": "p", "observations": [made]}), "serum_creatinine") == ""


RECORD = (
    person(),
    request(medicationCodeableConcept={"text": "metformin 1000 mg tablet"}),
    result("Creatinine", (2.9, "mg/dL"), "r1"),
    result("Potassium Nova device", (6.1, "mmol/L"), "r2"),
    result("Creatinine, urine", (9, "mmol/L"), "r3"),
    result("Haemoglobin", (12, "g/dL"), "r4"),
    result("Sodium", (128, "mmol/L"), "r5", specimen={"reference": "Specimen/s1"}),
    result(None, (4.4, "mmol/L"), "r6", code=loinc("77777-7", None, "Potassium")),
    result("Kalium", (4.4, "mmol/L"), "r7", specimen={"reference": "Specimen/s2"}),
    observation("r8", valueQuantity={"value": 2.8, "unit": "mg/dL"}),
    specimen(type={"text": "Serum"}),
    {"resourceType": "Specimen", "id": "s3", "type": {"text": "Serum"}},
)


@pytest.mark.parametrize("partitions", [1, 3])
def test_cohorts_read_the_same(partitions: int, tmp_path: Path) -> None:
    lines = [json.dumps(one) for one in RECORD]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ndjson").write_text("\n".join(lines))
    found = assert_same([tmp_path / "in"], tmp_path / "w", partitions=partitions, bound=KNOWN)
    assert [codes(one.problems) for one in found] == [[]]
    assert [one.concept for one in found[0].observations or ()] == [
        "serum_creatinine",
        "potassium",
        "sodium",
        "potassium",
        "potassium",
        None,
    ]


def test_an_alert_rests_on_it() -> None:
    patient = facts(*RECORD[:3])
    report = caveat.screen(patient, rules(), as_of="2026-01-15")
    assert "metformin.renal.egfr-below-30" in {one.rule.id for one in report.alerts}
