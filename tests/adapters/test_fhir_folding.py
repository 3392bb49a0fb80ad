"""Dispenses and administrations of a request, test doses and tapers."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.builder import administration, codes, daily, dispense, dosage, mg, order, read, request
from caveat.dates import parse_when
from caveat.facts.identify import is_current

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SUPPLY = {"value": 30, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}


@pytest.mark.parametrize("entry", [dispense(), administration()])
def test_an_entry_of_a_request_is_no_second_order(entry: dict[str, Any]) -> None:
    found = read(entry, request())
    assert [(one.id, one.origin) for one in found.orders or ()] == [("o1", "order")]
    kind = "dispense" if entry["id"] == "d1" else "administration"
    assert codes(found.notes) == [f"{kind}-folded"]


def test_every_entry_is_counted_in_one_note() -> None:
    found = read(request(), *(administration(f"m{day}", f"2026-01-0{day}") for day in range(1, 6)))
    assert len(found.orders or ()) == 1
    assert [(one.code, one.count) for one in found.notes] == [("administration-folded", 5)]


@pytest.mark.parametrize(
    ("entry", "prescription"),
    [
        (dispense(request=None), request()),
        (dispense(request="MedicationRequest/gone"), request()),
        (dispense(), request(status="cancelled")),
        (dispense(), request(doNotPerform=True)),
    ],
)
def test_an_entry_without_its_request_stays(entry: dict[str, Any], prescription: dict[str, Any]) -> None:
    found = read(entry, prescription)
    assert "d1" in [one.id for one in found.orders or ()]


@pytest.mark.parametrize(
    "fields",
    [
        {"medicationCodeableConcept": {"text": "warfarin 5 mg tablet"}},
        {"dosageInstruction": [dosage(mg(20), daily(3))]},
        {"dosageInstruction": [dosage(mg(10), daily(4))]},
        {"dosageInstruction": [dosage(route={"text": "intrathecal"})]},
    ],
)
def test_an_entry_that_differs_from_its_request_stays(fields: dict[str, Any]) -> None:
    prescription = request(dosageInstruction=[dosage(mg(10), daily(3), route={"text": "oral"})])
    found = read(prescription, dispense(**fields))
    assert [one.id for one in found.orders or ()] == ["o1", "d1"]
    assert codes(found.notes) == ["dispense-differs"]


def test_codes_tell_whether_it_is_the_same_medicine() -> None:
    def coded(code: str) -> dict[str, Any]:
        return {"coding": [{"system": RXNORM, "code": code}], "text": "as printed"}

    prescription = request(medicationCodeableConcept=coded("1292"))
    assert len(read(prescription, dispense(medicationCodeableConcept=coded("1292"))).orders or ()) == 1
    assert len(read(prescription, dispense(medicationCodeableConcept=coded("11289"))).orders or ()) == 2


def test_what_the_request_lacks_is_taken_from_the_entry() -> None:
    given = administration(dosage={"dose": mg(10), "route": {"text": "oral"}})
    found = read(request(), given)
    assert found.orders is not None
    one = found.orders[0]
    assert (len(found.orders), str(one.dose), one.route, str(one.start)) == (1, "10 mg", "oral", "2026-01-02")


def test_a_dose_given_is_not_mixed_with_a_rate_ordered() -> None:
    rate = {"doseAndRate": [{"rateQuantity": {"value": 300, "unit": "ug/d"}}]}
    found = read(request(dosageInstruction=[rate]), administration(dosage={"dose": mg(10)}))
    assert len(found.orders or ()) == 2


def bounded(status: str, end: str | None) -> dict[str, Any]:
    timing = {"repeat": {"boundsPeriod": {"start": "2025-12-01", **({"end": end} if end else {})}}}
    return request(status=status, dosageInstruction=[{"timing": timing}])


@pytest.mark.parametrize(
    ("status", "end", "entry", "expected"),
    [
        # Running: a supply that lasts longer than the order shows that the treatment goes on.
        ("active", "2026-01-10", dispense(daysSupply=SUPPLY), ("active", "2026-02-01")),
        ("active", "2026-03-01", dispense(daysSupply=SUPPLY), ("active", "2026-03-01")),
        ("active", "2026-01-10", dispense(), ("active", None)),
        ("active", None, dispense(daysSupply=SUPPLY), ("active", None)),
        ("active", "2026-01-01", administration(), ("active", "2026-01-02")),
        # Used up: what was handed over is still taken.
        ("completed", None, dispense(daysSupply=SUPPLY), ("unknown", "2026-02-01")),
        ("completed", "2026-01-10", dispense(daysSupply=SUPPLY), ("unknown", "2026-02-01")),
        ("completed", "2026-01-10", dispense(), ("unknown", None)),
        ("completed", None, dispense(status="in-progress"), ("active", None)),
        ("completed", None, dispense(status="stopped"), ("completed", None)),
        ("completed", None, administration(), ("completed", "2026-01-02")),
        ("completed", "2026-01-01", administration(), ("completed", "2026-01-02")),
        # Stopped by the prescriber: stays stopped, at the earliest when it was last given.
        ("stopped", "2026-01-10", dispense(daysSupply=SUPPLY), ("stopped", "2026-01-10")),
        ("stopped", None, administration(), ("stopped", "2026-01-02")),
    ],
)
def test_dates_of_an_entry_may_show_that_the_treatment_goes_on(
    status: str, end: str | None, entry: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    found = read(bounded(status, end), entry)
    assert found.orders is not None
    assert len(found.orders) == 1
    one = found.orders[0]
    assert (one.status, None if one.stop is None else str(one.stop)) == expected


def test_the_order_of_entries_does_not_matter() -> None:
    entries = [
        administration("m1", "2026-01-05"),
        administration("m2", "2026-01-02"),
        administration("m3", "2026-01-04"),
    ]
    for given in (entries, entries[::-1]):
        found = read(bounded("stopped", None), *given)
        assert [str(one.stop) for one in found.orders or ()] == ["2026-01-05"]


def test_an_open_supply_stays_open_beside_a_dated_one() -> None:
    entries = [dispense("d1"), dispense("d2", daysSupply=SUPPLY)]
    for given in (entries, entries[::-1]):
        found = read(bounded("completed", None), *given)
        assert [(one.status, one.stop) for one in found.orders or ()] == [("unknown", None)]


@pytest.mark.parametrize("entry", [dispense(status="in-progress"), dispense(whenHandedOver="2026-02-01")])
def test_a_supply_after_the_stop_contradicts_it_and_stays(entry: dict[str, Any]) -> None:
    found = read(bounded("stopped", "2026-01-10"), entry)
    assert [one.id for one in found.orders or ()] == ["o1", "d1"]


# Test doses


@pytest.mark.parametrize(
    "fields",
    [
        {"category": [{"text": "Test dose"}]},
        {"category": {"text": "Test dose"}},
        {"category": [{"coding": [{"code": "x", "display": "screening dose"}]}]},
        {"reasonCode": [{"text": "Intrathecal SCREENING DOSE"}]},
        {"note": [{"text": "Give the test dose before the pump is implanted."}]},
        {"note": [{"text": "No response so far. Test dose, 75 ug."}]},
        {"dosageInstruction": [{"text": "test-dose by lumbar puncture"}]},
        {"medicationCodeableConcept": {"text": "baclofen test dose 0.05 mg"}},
    ],
)
def test_a_test_dose_says_so(fields: dict[str, Any]) -> None:
    assert order(**fields).purpose == "test"


@pytest.mark.parametrize(
    "text",
    [
        "Pump started after a successful test dose of 50 ug",
        "Test dose tolerated well; continuous infusion",
        "not a test dose",
        "No test dose needed",
        "based on the screening dose",
        "latest dose unknown",
        "test doses",
        "dose of the test",
        "contest dose",
    ],
)
def test_mention_of_another_test_dose_makes_none(text: str) -> None:
    assert order(note=[{"text": text}]).purpose is None


def test_an_administration_may_be_a_test_dose() -> None:
    found = read(administration(request=None, note=[{"text": "Screening dose given by lumbar puncture"}]))
    assert found.orders is not None
    assert found.orders[0].purpose == "test"


def test_a_test_dose_stays_apart_from_the_treatment_it_names() -> None:
    found = read(request(), administration(category={"text": "test dose"}))
    assert [one.purpose for one in found.orders or ()] == [None, "test"]


# Tapers


@pytest.mark.parametrize(
    ("text", "tapered"),
    [
        ("Tapered over 2 weeks", True),
        ("taper completed", True),
        ("Dose gradually reduced, then stopped", True),
        ("tapered over 1.5 weeks, not stopped abruptly", True),
        ("Stopped without taper", False),
        ("stopped without a proper taper", False),
        ("not tapered", False),
        ("was never tapered", False),
        ("wasn't tapered", False),
        ("Discontinued abruptly", False),
        ("patient stopped suddenly", False),
        ("taper not completed", False),
        ("Tapered: no", False),
        ("tapered?", None),
        ("should be tapered", None),
        ("stop once it has to be tapered", None),
        ("partially tapered", None),
        ("tapered too fast", None),
        ("unclear whether tapered", None),
        ("tapered; stopped abruptly at 30 mg", None),
        ("not stopped abruptly", None),
        ("adverse reaction", None),
        ("", None),
    ],
)
def test_what_the_reason_of_the_stop_says_of_a_taper(text: str, tapered: bool | None) -> None:
    assert order(status="stopped", statusReason={"text": text}).tapered is tapered
    assert (
        order(status="stopped", statusReason={"coding": [{"code": "x", "display": text}]}).tapered is tapered
    )


def test_a_statement_may_say_it_too() -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "stopped",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "baclofen"},
        "statusReason": [{"text": "tapered"}],
    }
    found = read(statement)
    assert found.orders is not None
    assert found.orders[0].tapered is True


def lone(day: str, text: str = "ibuprofen 400 mg tablet", name: str = "g1") -> dict[str, Any]:
    return administration(name, day, request=None, medicationCodeableConcept={"text": text})


def test_a_dose_given_last_and_ordered_nowhere_may_go_on() -> None:
    found = read(lone("2026-01-09"), lone("2026-01-10", "warfarin 5 mg tablet", "g2"))
    assert codes(found.problems) == ["given-without-request"] * 2
    assert {one.message.partition(" was given")[0] for one in found.problems} == {
        "ibuprofen 400 mg tablet",
        "warfarin 5 mg tablet",
    }


@pytest.mark.parametrize(
    ("others", "problems"),
    [
        ([request(medicationCodeableConcept={"text": "Ibuprofen  400 mg tablet"})], []),
        ([request(medicationCodeableConcept={"text": "ibuprofen 400 mg tablet"}, status="stopped")], [0]),
        ([request()], [0]),
        ([request(authoredOn="2026-01-12")], [0]),
        ([request(authoredOn="2026-01-13")], []),
        ([request(authoredOn="2026-01-13", status="draft")], [0]),
    ],
    ids=["ordered", "its-request-ended", "another-ordered", "two-days-on", "three-days-on", "only-planned"],
)
def test_what_tells_whether_it_goes_on(others: list[dict[str, Any]], problems: list[int]) -> None:
    found = read(lone("2026-01-10"), *others)
    assert codes(found.problems) == ["given-without-request" for _ in problems]


def test_what_was_given_and_not_ordered_is_judged_as_a_current_order_for_a_week() -> None:
    found = read(
        lone("2026-01-08", name="g0"), lone("2026-01-09T08:00:00Z"), lone("2026-01-09T20:00:00Z", name="g2")
    )
    assert found.orders is not None
    assert [(one.id, one.status, str(one.stop)) for one in found.orders] == [
        ("g0", "completed", "2026-01-08"),
        ("g1", "completed", "2026-01-09T08:00:00Z"),
        ("g2", "unknown", "2026-01-16"),
    ]
    assert [one.message for one in found.problems] == [
        "ibuprofen 400 mg tablet was given on 2026-01-09, and no request says whether it goes on; it is "
        "judged as a current order up to 2026-01-16"
    ]
    last = found.orders[-1]
    assert is_current(last, parse_when("2026-01-16").first, "active")
    assert not is_current(last, parse_when("2026-01-17").first, "active")


def test_a_weekly_medicine_is_current_until_the_next_week_is_over() -> None:
    weekly = [lone(day, "methotrexate 15 mg", day) for day in ("2026-01-02", "2026-01-09", "2026-01-16")]
    found = read(*weekly, request(authoredOn="2026-01-22"))
    assert found.orders is not None
    kept = {one.id: (one.status, str(one.stop)) for one in found.orders if one.origin == "administration"}
    assert kept == {
        "2026-01-02": ("completed", "2026-01-02"),
        "2026-01-09": ("completed", "2026-01-09"),
        "2026-01-16": ("unknown", "2026-01-25"),
    }


def test_a_dose_long_before_the_newest_entry_stays_over() -> None:
    found = read(lone("2026-01-02"), lone("2026-01-09", "warfarin 5 mg", "g2"))
    assert found.orders is not None
    assert [one.status for one in found.orders] == ["completed", "unknown"]


def test_a_dose_beside_its_order_under_other_codes_is_no_second_order() -> None:
    ordered = request(
        medicationCodeableConcept={
            "coding": [{"system": RXNORM, "code": "1", "display": "Ibuprofen 400 MG Oral Tablet"}]
        }
    )
    local = {"coding": [{"system": "urn:local", "code": "IBU"}], "text": "ibuprofen 400 mg film-coated"}
    found = read(ordered, administration("g1", "2026-01-10", request=None, medicationCodeableConcept=local))
    assert found.orders is not None
    assert [one.status for one in found.orders] == ["active", "completed"]
    assert found.problems == ()
