"""What Lists say of a whole list of facts, and dialysis that stands among the procedures."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.builder import (
    LOINC,
    allergy,
    bundle,
    codes,
    coding,
    condition,
    observation,
    patients,
    person,
    procedure,
    read,
    request,
    whole,
)
from caveat.adapters import read_bundle, read_native, to_native

SNOMED = "http://snomed.info/sct"
KINDS = {
    "orders": ("10160-0", request(), "MedicationRequest/o1"),
    "conditions": ("11450-4", condition(), "Condition/c1"),
    "allergies": ("48765-2", allergy(), "AllergyIntolerance/a1"),
    "observations": ("30954-2", observation(valueInteger=1), "Observation/ob1"),
}


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("mode", ["snapshot", "working"])
def test_a_current_list_closes(name: str, mode: str) -> None:
    code, resource, reference = KINDS[name]
    found = read(resource, whole(code, reference, mode=mode))
    assert getattr(found.complete, name) == "closed"
    others = [getattr(found.complete, other) for other in KINDS if other != name]
    assert others == ["open", "open", "open"]
    assert codes(found.notes) == ["list-closed"]
    assert read_native(to_native(found)) == found


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "retired"},
        {"status": "entered-in-error"},
        {"status": None},
        {"mode": "changes"},
        {"mode": None},
        {"code": coding(LOINC, "0-0")},
        {"code": coding("urn:x", "10160-0")},
        {"entry": [{"item": {"reference": "MedicationRequest/gone"}}]},
        {"entry": [{"item": {"reference": "MedicationRequest/o1"}}, {"item": {"display": "and more"}}]},
        {"entry": []},
    ],
)
def test_other_lists_close_nothing(fields: dict[str, Any]) -> None:
    given = whole("10160-0", "MedicationRequest/o1") | fields
    assert read(request(), given).complete.orders == "open"


def test_a_deleted_entry_is_not_missed() -> None:
    given = whole(
        "10160-0",
        entry=[
            {"item": {"reference": "MedicationRequest/o1"}},
            {"deleted": True, "item": {"reference": "MedicationRequest/x"}},
        ],
    )
    assert read(request(), given).complete.orders == "closed"


@pytest.mark.parametrize("name", list(KINDS))
def test_nil_known_is_an_empty_closed_list(name: str) -> None:
    found = read(whole(KINDS[name][0], reason="nilknown"))
    assert getattr(found, name) == ()
    assert getattr(found.complete, name) == "closed"
    assert read_native(to_native(found)) == found


@pytest.mark.parametrize("name", list(KINDS))
def test_nil_known_beside_entries_is_not_believed(name: str) -> None:
    code, resource, _ = KINDS[name]
    found = read(resource, whole(code, reason="nilknown"))
    assert len(getattr(found, name)) == 1
    assert getattr(found.complete, name) == "unknown"
    assert "list-not-empty" in codes(found.notes)


def test_nil_known_agrees_with_no_known_allergy() -> None:
    none = allergy(code=coding(SNOMED, "716186003", "No known allergy"))
    found = read(none, whole("48765-2", reason="nilknown"))
    assert found.complete.allergies == "closed"


@pytest.mark.parametrize("name", list(KINDS))
@pytest.mark.parametrize("reason", ["notasked", "unavailable", "withheld", "notstarted", "closed"])
def test_other_reasons_leave_the_list_unknown(name: str, reason: str) -> None:
    found = read(whole(KINDS[name][0], reason=reason))
    assert getattr(found, name) is None
    assert getattr(found.complete, name) == "unknown"
    assert codes(found.notes) == ["list-unknown"]


def test_of_several_lists_the_least_complete_counts() -> None:
    found = read(
        request(),
        whole("10160-0", "MedicationRequest/o1", id="l1"),
        whole("10160-0", reason="unavailable", id="l2"),
    )
    assert found.complete.orders == "unknown"


@pytest.mark.parametrize(
    ("date", "state"), [("2026-01-05", "closed"), ("2026-01-04", "open"), ("2026-01", "closed")]
)
def test_a_snapshot_older_than_an_entry_closes_nothing(date: str, state: str) -> None:
    found = read(request(authoredOn="2026-01-05"), whole("10160-0", "MedicationRequest/o1", date=date))
    assert found.complete.orders == state


def test_a_record_with_pages_missing_is_not_closed() -> None:
    link = [{"relation": "next", "url": "http://server/page2"}]
    data = bundle(person(), request(), whole("10160-0", "MedicationRequest/o1"), type="searchset", link=link)
    assert patients(read_bundle(data))[0].complete.orders == "open"


# Dialysis among the procedures


@pytest.mark.parametrize(
    "code",
    [
        coding(SNOMED, "302497006"),
        coding("http://www.ama-assn.org/go/cpt", "90935", "Hemodialysis, one evaluation"),
        {"text": "Haemodialysis session"},
        {"text": "CAPD exchange"},
    ],
)
def test_dialysis_is_kept_as_a_condition_of_unknown_status(code: dict[str, Any]) -> None:
    found = read(procedure(code), condition())
    assert found.conditions is not None
    one = found.conditions[1]
    assert (one.clinical_status, one.verification, one.abatement) == (None, None, None)
    assert (str(one.onset), one.source) == ("2026-01-03", "Procedure/pr1")
    assert found.complete.conditions == "open"
    assert codes(found.notes) == ["procedure-as-condition"]
    assert read_native(to_native(found)) == found


def test_a_session_that_has_ended_does_not_end_dialysis() -> None:
    period = {"start": "2026-01-03T08:00:00Z", "end": "2026-01-03T12:00:00Z"}
    found = read(procedure({"text": "Hemodialysis"}, performedDateTime=None, performedPeriod=period))
    assert found.conditions is not None
    assert (found.conditions[0].abatement, found.conditions[0].clinical_status) == (None, None)


@pytest.mark.parametrize(
    ("status", "clinical", "verification"),
    [("in-progress", "active", None), ("preparation", None, "provisional"), ("stopped", None, None)],
)
def test_the_status_of_dialysis(status: str, clinical: str | None, verification: str | None) -> None:
    found = read(procedure({"text": "Hemodialysis"}, status))
    assert found.conditions is not None
    assert (found.conditions[0].clinical_status, found.conditions[0].verification) == (clinical, verification)


@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_dialysis_that_was_not_done_is_left_out(status: str) -> None:
    found = read(procedure({"text": "Hemodialysis"}, status))
    assert found.conditions is None
    assert codes(found.notes) == [f"{status}-procedure"]


@pytest.mark.parametrize("extra", [(), (whole("11450-4", reason="nilknown"),)])
def test_procedures_alone_are_no_list_of_conditions(extra: tuple[dict[str, Any], ...]) -> None:
    found = read(procedure({"text": "Hemodialysis"}), *extra)
    assert len(found.conditions or ()) == 1
    assert found.complete.conditions == "unknown"


def test_other_procedures_are_no_facts() -> None:
    found = read(procedure({"text": "Appendectomy"}))
    assert found.conditions is None
    assert not found.notes


def test_a_code_alone_that_may_be_anything_is_counted() -> None:
    found = read(procedure(coding("urn:x", "90935")))
    assert found.conditions is None
    assert codes(found.notes) == ["procedures-not-read"]
