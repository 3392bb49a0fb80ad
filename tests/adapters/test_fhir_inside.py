"""Results, medicines and problems that another resource holds inside it."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from adapters.builder import SUBJECT, bundle, codes, observation, person, read, request, whole
from caveat.adapters import read_bundle
from caveat.adapters.cohort.bulk import KnownCodes
from caveat.adapters.fhir import decode
from caveat.adapters.fhir.bundle import sort
from caveat.adapters.fhir.record import patient
from caveat.compile.ruleset import Ruleset
from cohort.bulk_records import assert_same

KNOWN = KnownCodes(frozenset(("2160-0", "2823-3")))


@lru_cache(maxsize=1)
def rules() -> Ruleset:
    return caveat.load()


def inner(identity: str | None = "k", **fields: Any) -> dict[str, Any]:
    """A result as reports hold it: without patient, day and status."""
    made = {
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueQuantity": {"value": 6.1, "unit": "mmol/L"},
        **fields,
    }
    return made if identity is None else {"id": identity, **made}


def report(*contained: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "d1",
        "status": "final",
        "subject": SUBJECT,
        "code": {"text": "Electrolytes"},
        "effectiveDateTime": "2026-01-06",
        "contained": list(contained),
        "result": [{"reference": f"#{one['id']}"} for one in contained if "id" in one],
        **fields,
    }


def test_a_result_inside_a_report_is_a_fact() -> None:
    found = read(report(inner()))
    assert found.observations is not None
    one = found.observations[0]
    assert (one.id, str(one.value), str(one.at), one.preliminary, one.source) == (
        "d1#k",
        "6.1 mmol/L",
        "2026-01-06",
        False,
        "DiagnosticReport/d1#k",
    )
    assert (found.notes, found.problems) == ((), ())


def test_one_without_an_id_that_no_result_names_is_read_as_well() -> None:
    assert [one.id for one in read(report(inner(None))).observations or ()] == ["d1#0"]
    assert [one.id for one in read(report(inner("#k"))).observations or ()] == ["d1#k"]


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"effectiveDateTime": None, "effectivePeriod": {"end": "2026-01-04"}}, "2026-01-04"),
        ({"effectiveDateTime": None, "issued": "2026-01-07T08:00:00Z"}, "2026-01-07T08:00:00Z"),
        ({"effectiveDateTime": None}, "None"),
    ],
)
def test_the_day_is_that_of_the_report(fields: dict[str, Any], at: str) -> None:
    found = read(report(inner(), **fields)).observations
    assert [str(one.at) for one in found or ()] == [at]


def test_its_own_day_and_status_go_first() -> None:
    found = read(report(inner(status="preliminary", effectiveDateTime="2026-01-02"))).observations
    assert [(str(one.at), one.preliminary) for one in found or ()] == [("2026-01-02", True)]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_report_that_does_not_hold_leaves_its_results_out(status: str) -> None:
    found = read(report(inner(status="final"), status=status))
    assert found.observations is None
    assert codes(found.notes) == [f"{status}-observation"]


def test_a_report_that_is_preliminary_makes_its_results_so() -> None:
    assert [one.preliminary for one in read(report(inner(), status="partial")).observations or ()] == [True]


def test_a_result_that_should_be_inside_and_is_not_is_a_problem() -> None:
    for made in (report(inner(), result=[{"reference": "#gone"}]), report(result=[{"reference": "#gone"}])):
        made["contained"] = made["contained"] or None
        found = read(made)
        assert [(one.code, one.value) for one in found.problems] == [("reference", "#gone")]
        assert not caveat.screen(found, rules(), as_of="2026-01-15").is_clear


def test_a_result_of_another_patient_is_a_problem() -> None:
    found = read(report(inner(subject={"reference": "Patient/p2"})))
    assert found.observations is None
    assert codes(found.problems) == ["other-patient"]
    for mine in ({"reference": "#me"}, {"reference": "https://h/fhir/Patient/p1"}):
        assert codes(read(report(inner(subject=mine))).problems) == []


def test_what_cannot_be_read_inside_is_a_problem() -> None:
    assert codes(read(report(inner(valueQuantity="high"))).problems) == ["field"]
    assert codes(read(report({"id": "x"})).problems) == ["field"]
    assert codes(read(report(contained={"id": "x"}, result=[])).problems) == ["field"]


def test_the_panel_says_what_was_examined() -> None:
    sodium = inner(code={"text": "Sodium"}, valueQuantity={"value": 128, "unit": "mmol/L"})
    for panel, concepts in (("Electrolytes", ["sodium"]), ("Urine electrolytes", [])):
        found = read(report(sodium, code={"text": panel}), bound=KNOWN)
        assert [one.concept for one in found.observations or ()] == concepts


def test_the_specimen_beside_it_is_found() -> None:
    sodium = inner(
        code={"text": "Sodium"},
        valueQuantity={"value": 128, "unit": "mmol/L"},
        specimen={"reference": "#s"},
    )
    urine = {"resourceType": "Specimen", "id": "s", "type": {"text": "Urine"}}
    assert read(report(sodium, urine), bound=KNOWN).observations is None
    found = read(report(sodium, {**urine, "type": {"text": "Plasma"}}), bound=KNOWN).observations
    assert [one.concept for one in found or ()] == ["sodium"]


def test_results_inside_a_panel_that_is_an_observation() -> None:
    panel = observation(
        "panel", code={"text": "Electrolytes"}, contained=[inner()], hasMember=[{"reference": "#k"}]
    )
    found = read(panel).observations or ()
    assert [(one.id, str(one.at)) for one in found][1:] == [("panel#k", "2026-01-05")]


def test_medicines_and_problems_inside_a_list_are_facts() -> None:
    medicine = {"resourceType": "Medication", "id": "m", "code": {"text": "warfarin 5 mg tablet"}}
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s",
        "status": "active",
        "subject": SUBJECT,
        "medicationReference": {"reference": "#m"},
    }
    found = read(whole("10160-0", "#s", contained=[medicine, statement]))
    assert [(one.id, one.text) for one in found.orders or ()] == [("list-10160-0#s", "warfarin 5 mg tablet")]
    assert codes(found.notes) == ["list-closed"]
    asthma = {"resourceType": "Condition", "id": "c", "subject": SUBJECT, "code": {"text": "Asthma"}}
    problems = read(whole("11450-4", "#c", contained=[asthma]))
    assert [one.text for one in problems.conditions or ()] == ["Asthma"]
    assert problems.complete.conditions == "closed"


def test_results_inside_a_list_keep_their_own_day() -> None:
    held = inner(status="final", effectiveDateTime="2026-01-02")
    found = read(whole("30954-2", "#k", contained=[held], date="2026-01-09")).observations
    assert [str(one.at) for one in found or ()] == ["2026-01-02"]
    assert [one.at for one in read(whole("30954-2", "#k", contained=[inner()])).observations or ()] == [None]


JUNK: tuple[Any, ...] = (
    None,
    7,
    "#k",
    [],
    {},
    [None],
    ["#k"],
    [{"reference": "#k"}],
    {"reference": "#k"},
    {"text": "Potassium"},
    {"text": 7},
    {"coding": 7},
    [{"resourceType": "Observation"}],
    [{"resourceType": 7}],
    [{"resourceType": "Specimen", "type": 7}],
    [{"resourceType": "Specimen", "id": "s", "type": {"text": "Serum"}}],
    [inner(specimen={"reference": "#s"})],
    [inner(7, subject={"reference": 7})],  # type: ignore[arg-type]
)
FIELDS = (
    "status code subject effectiveDateTime issued result contained id specimen section entry type basedOn "
    "valueQuantity component modifierExtension dispenseRequest emptyReason mode"
).split()
HOLDERS = (
    "DiagnosticReport",
    "Observation",
    "List",
    "Composition",
    "Specimen",
    "MedicationStatement",
    "MedicationRequest",
)


@given(
    st.lists(
        st.tuples(st.sampled_from(HOLDERS), st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(JUNK))),
        min_size=1,
        max_size=3,
    )
)
def test_nothing_inside_can_make_reading_fail(made: list[tuple[str, dict[str, Any]]]) -> None:
    resources = [{"resourceType": kind, "subject": SUBJECT, **fields} for kind, fields in made]
    for bound in (KNOWN, None):
        read_bundle(bundle(person(), *resources), bound=bound)


def test_reports_without_anything_inside_are_no_facts() -> None:
    made = report(result=[{"reference": "Observation/ob1"}])
    del made["contained"]
    found = read(made, observation(valueInteger=1))
    assert [one.id for one in found.observations or ()] == ["ob1"]
    assert (found.notes, found.problems) == ((), ())


def test_reading_twice_gives_the_same() -> None:
    made = report(inner(valueQuantity={"value": 6.1, "unit": 7}))
    (part,) = sort(decode.bundle(bundle(person(), made)), source="")[0].parts.values()
    first, second = patient(part), patient(part)
    assert first == second
    assert codes(first.problems) == ["field"]


@pytest.mark.parametrize("partitions", [1, 3])
def test_cohorts_read_the_same(partitions: int, tmp_path: Path) -> None:
    others = [
        observation("ob1", valueQuantity={"value": 1.4, "unit": "mg/dL"}),
        observation("ob2", effectiveDateTime="2026-01-09", valueQuantity={"value": 1.1, "unit": "mg/dL"}),
    ]
    lines = [person(), request(), others[0], report(inner(), inner("x", valueQuantity=None)), others[1]]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.ndjson").write_text("\n".join(json.dumps(one) for one in lines))
    found = assert_same([tmp_path / "in"], tmp_path / "w", partitions=partitions, bound=KNOWN)
    assert [one.id for one in found[0].observations or ()] == ["ob1", "ob2", "d1#k", "d1#x"]
    bundles = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in lines]}
    (tmp_path / "b.json").write_text(json.dumps(bundles))
    assert_same([tmp_path / "b.json"], tmp_path / "wb", partitions=partitions, bound=KNOWN)


def test_an_alert_rests_on_a_result_inside_a_report() -> None:
    orders = [
        request("o1", medicationCodeableConcept={"text": "spironolactone 25 mg tablet"}),
        request("o2", medicationCodeableConcept={"text": "lisinopril 10 mg tablet"}),
    ]
    found = caveat.screen(read(*orders, report(inner())), rules(), as_of="2026-01-15")
    assert "potassium-sparing.raas.severe" in {one.rule.id for one in found.alerts}
