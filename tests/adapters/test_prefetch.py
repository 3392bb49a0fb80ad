"""One patient from prefetched parts: what each key says, what it does not, and the drafts among them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.builder import LOINC, allergy, coding, condition, observation, person, procedure, request
from caveat.adapters.fhir.prefetch import Prefetched, read_prefetch
from caveat.errors import InputError

LISTS = {
    "patient": "Patient/{{context.patientId}}",
    "medications": "MedicationRequest?patient={{context.patientId}}&_count=200",
    "statements": "MedicationStatement?patient={{context.patientId}}&_count=200",
    "conditions": "Condition?patient={{context.patientId}}&_count=200",
    "procedures": "Procedure?patient={{context.patientId}}&_count=200",
    "allergies": "AllergyIntolerance?patient={{context.patientId}}&_count=200",
    "labs": "Observation?patient={{context.patientId}}&code=http://loinc.org|2160-0&_sort=-date&_count=3",
    "history": "Observation?patient={{context.patientId}}&code=http://loinc.org|2823-3&_count=200",
}
OUTCOME = {
    "resourceType": "OperationOutcome",
    "issue": [{"severity": "error", "code": "exception", "diagnostics": "the index is being rebuilt"}],
}
NAMES = ("orders", "conditions", "allergies", "observations")


def statement(identity: str = "s1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationStatement",
        "id": identity,
        "status": "active",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "ibuprofen 400 mg tablet"},
        **fields,
    }


def page(*resources: Any, following: bool = False, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [
            {"fullUrl": f"https://ehr.test/fhir/{one.get('resourceType')}/{one.get('id')}", "resource": one}
            if isinstance(one, dict)
            else one
            for one in resources
        ],
        **fields,
    }
    if following:
        found["link"] = [{"relation": "next", "url": "https://ehr.test/fhir?page=2"}]
    return found


WHOLE: dict[str, Any] = {
    "patient": person(),
    "medications": page(request()),
    "statements": None,
    "conditions": page(condition()),
    "procedures": None,
    "allergies": page(allergy()),
    "labs": page(observation(valueQuantity={"value": 1.1, "unit": "mg/dL"})),
    "history": None,
}


def ask(
    changes: Mapping[str, Any] | None = None,
    *drafts: Any,
    without: tuple[str, ...] = (),
    patient: str = "p1",
    lists: Mapping[str, str] = LISTS,
) -> Prefetched:
    """What WHOLE with these changes gives, for a call with these drafts."""
    parts = {key: value for key, value in {**WHOLE, **(changes or {})}.items() if key not in without}
    raw = {
        key: value if isinstance(value, bytes) else json.dumps(value).encode() for key, value in parts.items()
    }
    sent = (
        None
        if not drafts
        else json.dumps({"resourceType": "Bundle", "entry": [{"resource": d} for d in drafts]})
    )
    return read_prefetch(raw, None if sent is None else sent.encode(), patient, lists=lists)


def codes(found: Prefetched) -> list[str]:
    return [one.code for one in found.patient.problems]


def complete(found: Prefetched) -> dict[str, str]:
    return {name: getattr(found.patient.complete, name) for name in NAMES}


def test_whole_answers_close_the_lists_that_they_hold_all_of() -> None:
    found = ask()
    assert complete(found) == {**dict.fromkeys(NAMES, "open"), "orders": "closed"}
    assert {key: one.state for key, one in found.keys.items()} == {
        **dict.fromkeys(LISTS, "whole"),
        **dict.fromkeys(("statements", "procedures", "history"), "none"),
    }
    assert found.identified
    assert found.patient.sex == "female"
    assert [order.id for order in found.patient.orders or ()] == ["o1"]
    assert not found.patient.problems
    assert not found.patient.notes


@pytest.mark.parametrize("nothing", [None, page(), {"resourceType": "Bundle", "total": 0}, b" null "])
def test_null_and_an_empty_bundle_say_that_there_are_none(nothing: Any) -> None:
    keys = ("medications", "statements", "conditions", "procedures", "allergies", "labs", "history")
    found = ask(dict.fromkeys(keys, nothing))
    for name in NAMES:
        assert getattr(found.patient, name) == (), name
    assert complete(found) == {**dict.fromkeys(NAMES, "open"), "orders": "closed"}
    assert not found.patient.problems


UNKNOWN = [
    ("conditions", "conditions"),
    ("allergies", "allergies"),
    ("labs", "observations"),
    ("medications", "orders"),
]


@pytest.mark.parametrize(("key", "name"), UNKNOWN)
def test_a_key_that_is_not_there_leaves_its_list_unknown(key: str, name: str) -> None:
    found = ask(without=(key,))
    assert getattr(found.patient, name) is None
    assert complete(found)[name] == "unknown"
    assert found.keys[key].state == "absent"
    assert [(one.code, one.path) for one in found.patient.notes] == [("prefetch-absent", f"prefetch.{key}")]
    assert not found.patient.problems


@pytest.mark.parametrize(("key", "name"), UNKNOWN)
def test_an_outcome_says_not_available_and_never_none(key: str, name: str) -> None:
    found = ask({key: OUTCOME})
    assert getattr(found.patient, name) is None
    assert complete(found)[name] == "unknown"
    assert found.keys[key].state == "unavailable"
    (problem,) = found.patient.problems
    assert (problem.code, problem.path) == ("prefetch-unavailable", f"prefetch.{key}")
    assert problem.message == f"{key} was not available: the index is being rebuilt"


@pytest.mark.parametrize("outcome", [{"resourceType": "OperationOutcome"}, {**OUTCOME, "issue": "x"}])
def test_an_outcome_without_words_is_one_too(outcome: Any) -> None:
    found = ask({"conditions": outcome})
    assert found.patient.conditions is None
    assert found.patient.problems[0].message == "conditions was not available"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"7",
        b"[]",
        b'"none"',
        b"true",
        b"{}",
        b'{"resourceType":7}',
        b'{"resourceType":"Bundle","entry":7}',
        b'{"resourceType":"Bundle","entry":[\xff]}',
        b"[" * 5000,
        b'{"resourceType":"Bundle","x":' + b"[" * 5000,
        page(observation()),
        observation(),
        person(),
        {"resourceType": "Medication", "id": "m"},
        {"resourceType": "Basic"},
        {"resourceType": "Nonsense"},
        page({"resourceType": "MedicationOrder", "id": "x"}),
        page({**request(), "medication": {"concept": {"text": "x"}}}),
    ],
)
def test_what_is_no_answer_is_not_available(value: Any) -> None:
    found = ask({"conditions": value})
    assert found.patient.conditions is None
    assert found.keys["conditions"].state == "unavailable"
    assert any(
        one.code == "prefetch-unavailable" and "conditions" in one.message for one in found.patient.problems
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (page(condition(), following=True), "a further page of conditions was not given"),
        (page(condition(), total=2), "conditions may hold more than the 1 results that were given"),
        (page(following=True), "a further page of conditions was not given"),
        (
            page(*(condition(f"c{n}") for n in range(200))),
            "conditions may hold more than the 200 results that were given",
        ),
    ],
)
def test_one_page_of_several_leaves_the_list_open_and_is_a_problem(answer: Any, message: str) -> None:
    found = ask({"conditions": answer})
    assert complete(found)["conditions"] == "open"
    assert found.patient.conditions != (), "no entry of a part is not none at all"
    assert [(one.code, one.message) for one in found.patient.problems] == [("more-pages", message)]
    assert found.keys["conditions"].state == "part"
    assert "ehr.test" not in str(found.patient.problems), "the address of a page may hold a patient's id"


@pytest.mark.parametrize(
    "answer",
    [
        page(condition(), total=1),
        page(condition(), total=0),
        page(*(condition(f"c{n}") for n in range(200)), total=200),
        page(*(condition(f"c{n}") for n in range(250))),
    ],
)
def test_all_pages_together_are_the_whole(answer: Any) -> None:
    found = ask({"conditions": answer})
    assert found.keys["conditions"].state == "whole"
    assert not found.patient.problems


def dated(*days: str | None) -> dict[str, Any]:
    return page(
        *(
            observation(f"o{n}", effectiveDateTime=day, valueQuantity={"value": 1, "unit": "mg/dL"})
            for n, day in enumerate(days)
        ),
        following=True,
    )


def test_more_than_the_newest_results_is_no_problem_where_only_those_were_asked_for() -> None:
    found = ask({"labs": dated("2026-01-05T10:00:00Z", "2026-01-05T08:00:00Z", "2026-01", "2025-12-31")})
    assert found.keys["labs"].state == "newest"
    assert not found.patient.problems
    assert len(found.patient.observations or ()) == 4
    assert complete(found)["observations"] == "open"


@pytest.mark.parametrize("days", [("2025-01-01", "2026-01-01"), ("2026-01-01", None), ("2026-01-01", "soon")])
def test_a_part_of_the_results_that_is_not_the_newest_is_a_problem(days: tuple[str | None, ...]) -> None:
    found = ask({"labs": dated(*days)})
    assert found.keys["labs"].state == "part"
    assert "more-pages" in codes(found)


@pytest.mark.parametrize("lost", [{"fullUrl": "urn:uuid:1"}, {"resource": {"resourceType": "Basic"}}, None])
def test_fewer_results_than_were_found_and_asked_for_are_a_problem(lost: dict[str, Any] | None) -> None:
    """The one that is not there may be the newest."""
    answer = dated("2026-01-05", "2025-12-31")
    del answer["link"]
    answer["entry"] = [*([lost] if lost else []), *answer["entry"]]
    assert not ask({"labs": {**answer, "total": 2}}).patient.problems or lost == {"fullUrl": "urn:uuid:1"}
    found = ask({"labs": {**answer, "total": 3}})
    assert found.keys["labs"].state == "part"
    assert "more-pages" in codes(found)


def test_an_entry_that_cannot_be_read_is_a_problem_without_a_total() -> None:
    answer = dated("2026-01-05", "2025-12-31")
    del answer["link"]
    answer.pop("total", None)
    answer["entry"].insert(0, {"fullUrl": "urn:uuid:1"})
    found = ask({"labs": answer})
    assert found.patient.problems


def test_a_cut_history_is_a_problem() -> None:
    found = ask({"history": dated("2026-01-05")})
    assert codes(found) == ["more-pages"]


@pytest.mark.parametrize(
    ("lists", "state"),
    [
        ({}, "closed"),
        ({"medications": LISTS["medications"] + "&status=active,on-hold,draft,unknown"}, "open"),
        (
            {"medications": LISTS["medications"] + "&status=active,on-hold,draft,unknown,completed,stopped"},
            "closed",
        ),
        ({"medications": LISTS["medications"] + "&intent=order"}, "open"),
        ({"statements": LISTS["statements"] + "&status=active"}, "open"),
        ({"statements": "List?patient=x"}, "open"),
        ({"dispenses": "MedicationDispense?patient=x"}, "unknown"),
    ],
)
def test_orders_are_closed_only_when_every_kind_and_status_was_asked_for(lists: Any, state: str) -> None:
    assert complete(ask(lists={**LISTS, **lists}))["orders"] == state


def test_orders_asked_for_in_two_queries_are_whole_together() -> None:
    current = LISTS["medications"] + "&status=active,on-hold,draft,unknown"
    ended = LISTS["medications"] + "&status=completed,stopped"
    lists = {**LISTS, "medications": current, "ended": ended}
    assert complete(ask({"ended": None}, lists=lists))["orders"] == "closed"
    assert complete(ask({"ended": OUTCOME}, lists=lists))["orders"] == "unknown"
    assert complete(ask(lists=lists))["orders"] == "unknown"


@pytest.mark.parametrize("lost", ["statements", "medications"])
def test_one_kind_of_orders_that_is_missing_leaves_their_total_unknown(lost: str) -> None:
    found = ask({"statements": page(statement())}, without=(lost,))
    assert len(found.patient.orders or ()) == 1
    assert complete(found)["orders"] == "unknown"


def test_no_search_closes_conditions_or_allergies() -> None:
    """An empty problem list does not rule out a pregnancy; nor is "not asked" the same as "no allergy"."""
    found = ask({"conditions": None, "allergies": None})
    assert (found.patient.conditions, found.patient.allergies) == ((), ())
    assert complete(found)["conditions"] == complete(found)["allergies"] == "open"
    closing = {
        "resourceType": "List",
        "id": "l1",
        "status": "current",
        "mode": "snapshot",
        "subject": {"reference": "Patient/p1"},
        "code": coding(LOINC, "48765-2"),
        "emptyReason": {"coding": [{"code": "nilknown"}]},
    }
    assert complete(ask({"allergies": None, "mine": page(closing)}))["allergies"] == "closed", "its own word"
    lost = ask({"mine": page(closing)}, without=("allergies",))
    assert complete(lost)["allergies"] == "unknown", "an answer is lacking"
    part = ask({"allergies": page(following=True), "mine": page(closing)})
    assert complete(part)["allergies"] == "open", "a page is lacking"


def test_a_filtered_query_closes_nothing_but_was_looked_at() -> None:
    lists = {**LISTS, "conditions": LISTS["conditions"] + "&category=problem-list-item"}
    found = ask({"conditions": None}, lists=lists)
    assert found.patient.conditions == ()
    assert complete(found)["conditions"] == "open"


def test_dialysis_among_the_procedures_is_a_condition_beside_an_empty_list() -> None:
    dialysis = procedure(code={"text": "Hemodialysis"})
    found = ask({"conditions": None, "procedures": page(dialysis)})
    assert len(found.patient.conditions or ()) == 1
    assert complete(found)["conditions"] == "open"
    unknown = ask({"procedures": page(dialysis)}, without=("conditions",))
    assert complete(unknown)["conditions"] == "unknown"


def test_a_list_of_the_record_that_says_unknown_outweighs_a_whole_answer() -> None:
    asked_not = {
        "resourceType": "List",
        "id": "l1",
        "status": "current",
        "mode": "working",
        "subject": {"reference": "Patient/p1"},
        "code": coding(LOINC, "48765-2"),
        "emptyReason": {"coding": [{"code": "notasked"}]},
    }
    found = ask({"allergies": None, "extra": page(asked_not)})
    assert complete(found)["allergies"] == "unknown"
    assert found.keys["extra"].state == "unasked"


def test_an_error_inside_an_answer_leaves_it_open() -> None:
    found = ask({"medications": page(request(), OUTCOME)})
    assert complete(found)["orders"] == "open"
    assert codes(found) == ["source-error"]
    assert found.patient.problems[0].path.startswith("prefetch.medications.")
    warned = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "diagnostics": "x"}]}
    assert complete(ask({"medications": page(request(), warned)}))["orders"] == "closed"


def test_an_entry_that_cannot_be_read_leaves_the_list_open() -> None:
    found = ask({"medications": page(request(), {"id": "no type"})})
    assert complete(found)["orders"] == "open"
    assert len(found.patient.orders or ()) == 1
    assert codes(found) == ["entry"]


def test_a_bundle_inside_a_bundle_is_read_and_closes_nothing() -> None:
    found = ask({"medications": page(page(request("o7")))})
    assert [one.id for one in found.patient.orders or ()] == ["o7"]
    assert complete(found)["orders"] == "open"
    assert not found.patient.problems
    assert codes(ask({"conditions": page(page(condition("c7"), following=True))})) == ["more-pages"]


def test_a_lone_resource_is_read_and_closes_nothing() -> None:
    found = ask({"medications": request("o7")})
    assert [one.id for one in found.patient.orders or ()] == ["o7"]
    assert complete(found)["orders"] == "open"


def test_a_patient_in_a_bundle_is_found() -> None:
    assert ask({"patient": page(person())}).identified


def test_facts_under_a_wrong_key_are_read_and_their_key_is_not_answered() -> None:
    found = ask({"conditions": page(observation("ob7", valueInteger=1))})
    assert "ob7" in [one.id for one in found.patient.observations or ()]
    assert found.patient.conditions is None
    assert codes(found) == ["prefetch-unavailable"]


def test_keys_of_our_own_making_alone_close_lists() -> None:
    found = ask({"mine": page(condition("c9"), following=True), "other": None}, without=("conditions",))
    assert [one.id for one in found.patient.conditions or ()] == ["c9"]
    assert complete(found)["conditions"] == "unknown"
    assert not found.patient.problems


OTHERS = [
    {"reference": "Patient/p2"},
    {"reference": "p2"},
    {"reference": "https://ehr.test/fhir/Patient/p2"},
    {"reference": "urn:uuid:11111111-1111-1111-1111-111111111111"},
    {"reference": "Patient/p1x"},
    {"reference": "Patient/P1"},
    {"reference": "Group/p1"},
    {"reference": "#p1"},
    {"identifier": {"system": "urn:mrn", "value": "2"}},
]


@pytest.mark.parametrize("subject", OTHERS)
def test_what_is_of_another_patient_is_a_problem_and_no_fact(subject: dict[str, Any]) -> None:
    found = ask({"medications": page(request("mine"), request("theirs", subject=subject))})
    assert [one.id for one in found.patient.orders or ()] == ["mine"]
    assert complete(found)["orders"] == "open"
    (problem,) = found.patient.problems
    assert (problem.code, problem.path) == ("other-patient", "prefetch.medications")


@pytest.mark.parametrize("subject", OTHERS)
def test_a_draft_of_another_patient_is_not_judged_and_is_a_problem(subject: dict[str, Any]) -> None:
    found = ask({}, request("d1", status="draft", subject=subject), request("d2", status="draft"))
    assert found.drafts == {1: "d2"}
    assert [(one.code, one.path) for one in found.patient.problems] == [
        ("other-patient", "context.draftOrders.entry[0]")
    ]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/p1"},
        {"reference": "p1"},
        {"reference": "https://ehr.test/fhir/Patient/p1"},
        {"reference": "https://ehr.test/fhir/Patient/p1/_history/3"},
        {"reference": "urn:uuid:p1"},
        {"identifier": {"system": "urn:mrn", "value": "1"}},
        {"display": "no reference"},
        None,
    ],
)
@pytest.mark.parametrize("patient", ["p1", "Patient/p1", "https://ehr.test/fhir/Patient/p1"])
def test_the_patient_is_known_by_every_form_of_its_name(subject: Any, patient: str) -> None:
    mine = {key: one for key, one in condition("c7").items() if key != "subject"}
    if subject is not None:
        mine["subject"] = subject
    known = person(identifier=[{"system": "urn:mrn", "value": "1"}])
    found = ask({"patient": known, "conditions": page(mine)}, patient=patient)
    assert [one.id for one in found.patient.conditions or ()] == ["c7"]
    assert found.patient.id == "p1"
    assert not found.patient.problems


def test_the_patient_is_known_by_the_full_url_of_its_entry() -> None:
    url = "urn:uuid:22222222-2222-2222-2222-222222222222"
    patient = {"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": person()}]}
    for named in ("p1", url):
        found = ask(
            {"patient": patient, "conditions": page(condition("c7", subject={"reference": url}))},
            patient=named,
        )
        assert [one.id for one in found.patient.conditions or ()] == ["c7"], named


def test_another_patient_under_the_key_of_the_patient_is_not_this_one() -> None:
    found = ask({"patient": person("p2", birthDate="2020-01-01", gender="male")})
    assert not found.identified
    assert found.patient.birth_date is None
    assert found.patient.sex is None
    assert codes(found) == ["other-patient", "patient-missing"]


@pytest.mark.parametrize("patient", [None, OUTCOME, page()])
def test_without_a_patient_there_is_a_record_of_unknown_age(patient: Any) -> None:
    found = ask({"patient": patient})
    assert not found.identified
    assert found.patient.id == "p1"
    assert found.patient.birth_date is None
    assert "patient-missing" in codes(found)
    assert found.patient.orders


def test_a_medicine_referred_to_is_found_under_another_key() -> None:
    medicine = {"resourceType": "Medication", "id": "m1", "code": {"text": "baclofen 20 mg tablet"}}
    order = request(medicationReference={"reference": "Medication/m1"})
    found = ask({"medications": page(order), "statements": page(statement(), medicine)})
    assert "baclofen 20 mg tablet" in [one.text for one in found.patient.orders or ()]
    assert complete(found)["orders"] == "closed"
    lost = ask({"medications": page(order)})
    assert codes(lost) == ["reference"]


def test_contained_medicines_are_found() -> None:
    order = request(
        medicationReference={"reference": "#m"},
        contained=[{"resourceType": "Medication", "id": "m", "code": {"text": "baclofen 5 mg tablet"}}],
    )
    found = ask({"medications": page(order)}, {**order, "id": "d1", "status": "draft"})
    assert [one.text for one in found.patient.orders or ()] == ["baclofen 5 mg tablet"] * 2


def test_a_resource_that_two_keys_hold_counts_once() -> None:
    found = ask({"statements": page(statement(), request())})
    assert sorted(one.id for one in found.patient.orders or ()) == ["o1", "s1"]
    assert [one.code for one in found.patient.notes] == ["duplicate-id"]


DRAFT = request("d1", status="draft")


def test_drafts_are_orders_among_the_others_and_are_known_by_their_place() -> None:
    found = ask({}, {"resourceType": "NutritionOrder", "id": "n"}, DRAFT, request("d2", status="draft"))
    assert found.drafts == {1: "d1", 2: "d2"}
    status = {one.id: one.status for one in found.patient.orders or ()}
    assert status == {"d1": "proposed", "d2": "proposed", "o1": "active"}
    assert [one.code for one in found.patient.notes] == ["draft-ignored"]
    assert not found.patient.problems


@pytest.mark.parametrize("status", ["active", "draft", "unknown", None])
def test_a_draft_is_proposed_whatever_it_calls_itself(status: str | None) -> None:
    found = ask({}, request("d1", status=status))
    assert {one.id: one.status for one in found.patient.orders or ()}["d1"] == "proposed"


@pytest.mark.parametrize(("status", "read"), [("stopped", "stopped"), ("on-hold", "on-hold")])
def test_a_draft_that_stops_or_holds_an_order_says_so(status: str, read: str) -> None:
    found = ask({}, request("d1", status=status))
    assert {one.id: one.status for one in found.patient.orders or ()}["d1"] == read


@pytest.mark.parametrize(
    "change", [{"status": "cancelled"}, {"status": "entered-in-error"}, {"doNotPerform": True}]
)
def test_a_draft_not_to_give_a_medicine_is_no_order(change: dict[str, Any]) -> None:
    found = ask({}, request("d1", **change))
    assert found.drafts == {}
    assert [one.id for one in found.patient.orders or ()] == ["o1"]
    assert not found.patient.problems


def test_a_draft_stands_in_for_the_prefetched_order_of_its_id() -> None:
    changed = request("o1", status="active", medicationCodeableConcept={"text": "tizanidine 4 mg tablet"})
    found = ask({}, changed)
    assert [(one.id, one.text, one.status) for one in found.patient.orders or ()] == [
        ("o1", "tizanidine 4 mg tablet", "proposed")
    ]
    assert found.drafts == {0: "o1"}
    assert "draft-replaces" in [one.code for one in found.patient.notes]


def test_a_draft_without_an_id_gets_one_by_its_place_that_nothing_else_has() -> None:
    bare = {key: one for key, one in DRAFT.items() if key != "id"}
    assert ask({}, DRAFT, bare).drafts == {0: "d1", 1: "draft-1"}
    taken = ask({"medications": page(request("draft-0"))}, bare)
    assert taken.drafts == {0: "draft-0-2"}
    assert sorted(one.id for one in taken.patient.orders or ()) == ["draft-0", "draft-0-2"]


def test_a_draft_keeps_its_id_beside_another_resource_of_that_id() -> None:
    found = ask({"statements": page(statement("d1"))}, DRAFT)
    assert found.drafts == {0: "d1"}
    assert {one.id: one.status for one in found.patient.orders or ()}["d1"] == "proposed"


def test_drafts_of_one_id() -> None:
    other = request("d1", status="draft", medicationCodeableConcept={"text": "warfarin 5 mg tablet"})
    found = ask({}, DRAFT, DRAFT, other, statement("d1", status="intended"))
    assert found.drafts == {0: "d1", 1: "d1", 2: "draft-2", 3: "MedicationStatement/d1"}
    assert len(found.patient.orders or ()) == 4
    assert set(found.drafts.values()) <= {one.id for one in found.patient.orders or ()}


@pytest.mark.parametrize(
    "draft",
    [
        {"resourceType": "MedicationOrder", "id": "x"},
        {"resourceType": "Nonsense", "id": "x"},
        {"id": "x"},
        {"resourceType": 7},
        {},
        {"resourceType": "RequestGroup", "contained": [request("inside")]},
        {**DRAFT, "medication": {"concept": {"text": "baclofen"}}},
        7,
        None,
    ],
)
def test_a_draft_that_may_be_a_medicine_and_cannot_be_read_is_a_problem(draft: Any) -> None:
    found = ask({}, DRAFT, draft)
    assert found.drafts == {0: "d1"}
    (problem,) = found.patient.problems
    assert (problem.code, problem.path) == ("draft-unread", "context.draftOrders.entry[1]")


def test_a_draft_with_a_field_of_a_wrong_type_is_judged_without_it() -> None:
    found = ask({}, {**DRAFT, "dosageInstruction": "one a day"})
    assert found.drafts == {0: "d1"}
    assert codes(found) == ["field"]


def test_medicines_beside_drafts_are_found() -> None:
    medicine = {"resourceType": "Medication", "id": "m1", "code": {"text": "baclofen 20 mg tablet"}}
    found = ask({}, request("d1", medicationReference={"reference": "Medication/m1"}), medicine)
    assert "baclofen 20 mg tablet" in [one.text for one in found.patient.orders or ()]
    assert not found.patient.problems


@pytest.mark.parametrize(
    "drafts", [b"", b"null", b"7", b"[]", b"{}", b'{"resourceType":"Patient"}', b"[" * 5000]
)
def test_drafts_that_are_no_bundle_are_refused(drafts: bytes) -> None:
    with pytest.raises(InputError):
        read_prefetch({}, drafts, "p1", lists=LISTS)


def test_only_bound_observations_are_kept() -> None:
    labs = json.dumps(WHOLE["labs"]).replace("Creatinine", "Haemoglobin")
    found = read_prefetch(
        {"labs": labs.encode(), "history": b"null"}, None, "p1", bound=lambda _: False, lists=LISTS
    )
    assert found.patient.observations == ()
    assert "observations-not-bound" in [one.code for one in found.patient.notes]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceType", "entry", "resource", "id", "link", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
RESOURCES = st.sampled_from(
    [*WHOLE.values(), OUTCOME, page(request(), statement(), condition(), following=True), person("p2"), DRAFT]
)


@given(
    st.dictionaries(st.sampled_from([*LISTS, "other"]), RESOURCES | VALUES | VALUES.map(lambda v: page(v)))
)
def test_whatever_is_sent_a_list_is_never_closed_by_what_is_no_answer(parts: dict[str, Any]) -> None:
    raw = {key: json.dumps(value).encode() for key, value in parts.items()}
    found = read_prefetch(raw, None, "p1", lists=LISTS)
    assert set(found.keys) >= set(LISTS)
    named = {problem.path for problem in found.patient.problems}
    for key in LISTS:
        if found.keys[key].state == "unavailable":
            assert f"prefetch.{key}" in named
    kinds = {"conditions": ("conditions",), "allergies": ("allergies",)}
    kinds["orders"] = ("medications", "statements")
    for name, keys in kinds.items():
        if complete(found)[name] == "closed" or getattr(found.patient, name) == ():
            assert all(found.keys[key].state in ("whole", "none") for key in keys)
    again = read_prefetch(raw, None, "p1", lists=LISTS)
    assert again == found


@given(st.permutations(list(WHOLE)))
def test_the_order_of_the_keys_does_not_matter(keys: list[str]) -> None:
    raw = {key: json.dumps(WHOLE[key]).encode() for key in keys}
    found = read_prefetch(raw, None, "p1", lists=LISTS)
    first = ask()
    assert found.patient.model_dump() == first.patient.model_dump()


@given(st.sets(st.sampled_from([key for key in WHOLE if key != "patient"])))
def test_hiding_a_key_never_closes_a_list(hidden: set[str]) -> None:
    before, after = complete(ask()), complete(ask(without=tuple(hidden)))
    rank = ("unknown", "open", "closed")
    for name in NAMES:
        assert rank.index(after[name]) <= rank.index(before[name])
