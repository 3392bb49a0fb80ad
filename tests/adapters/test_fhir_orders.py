"""Orders: status, identity, dosage and period."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from adapters.builder import RXNORM, bundle, codes, daily, dosage, mg, order, patients, person, read, request
from caveat.adapters import read_bundle
from caveat.facts.values import Quantity


@pytest.mark.parametrize(
    ("stated", "read_as"),
    [
        ("active", "active"),
        ("on-hold", "on-hold"),
        ("draft", "proposed"),
        ("completed", "completed"),
        ("stopped", "stopped"),
        ("unknown", "unknown"),
    ],
)
def test_status_of_a_request(stated: str, read_as: str) -> None:
    assert order(status=stated).status == read_as


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error"])
def test_requests_that_are_no_exposure_are_left_out_with_a_note(status: str) -> None:
    found = read(request(status=status))
    assert found.orders is None
    assert codes(found.notes) == [f"{status}-order"]


def test_do_not_perform_is_no_exposure() -> None:
    found = read(request(doNotPerform=True))
    assert found.orders is None
    assert codes(found.notes) == ["do-not-perform"]
    assert read(request(doNotPerform=False)).orders is not None


def test_an_active_proposal_is_proposed_and_a_plan_is_active() -> None:
    assert order(intent="proposal").status == "proposed"
    assert order(intent="plan").status == "active"


def test_an_unknown_status_keeps_the_order_with_a_problem() -> None:
    found = read(request(status="paused"))
    assert found.orders is not None
    assert found.orders[0].status == "unknown"
    assert codes(found.problems) == ["status"]


@pytest.mark.parametrize(
    ("kind", "status", "read_as"),
    [
        ("MedicationStatement", "intended", "proposed"),
        ("MedicationStatement", "active", "active"),
        ("MedicationStatement", "not-taken", None),
        ("MedicationAdministration", "in-progress", "active"),
        ("MedicationAdministration", "not-done", None),
        ("MedicationDispense", "completed", "unknown"),
        ("MedicationDispense", "declined", None),
    ],
)
def test_status_of_other_entries(kind: str, status: str, read_as: str | None) -> None:
    entry = request(status=status) | {"resourceType": kind}
    del entry["intent"]
    found = read(entry)
    if read_as is None:
        assert found.orders is None
        assert found.notes[0].code.startswith(status)
    else:
        assert found.orders is not None
        assert found.orders[0].status == read_as
        assert (
            found.orders[0].origin
            == {
                "MedicationStatement": "statement",
                "MedicationAdministration": "administration",
                "MedicationDispense": "dispense",
            }[kind]
        )


# Identity


def test_every_coding_and_the_text_are_kept() -> None:
    concept = {
        "coding": [
            {"system": RXNORM, "code": "1"},
            {"system": "urn:local", "code": "BAC10", "display": "Bac"},
        ],
        "text": "Lioresal",
    }
    found = order(medicationCodeableConcept=concept)
    assert [(c.system, c.code) for c in found.codes] == [("rxnorm", "1"), ("urn:local", "BAC10")]
    assert found.text == "Lioresal"


def test_a_display_stands_in_for_a_missing_text() -> None:
    found = order(
        medicationCodeableConcept={"coding": [{"system": RXNORM, "code": "1", "display": "Baclofen"}]}
    )
    assert found.text == "Baclofen"


MIXTURE: dict[str, Any] = {
    "resourceType": "Medication",
    "id": "m1",
    "code": {"text": "Co-codamol"},
    "form": {"text": "tablet"},
    "ingredient": [
        {"itemCodeableConcept": {"coding": [{"system": RXNORM, "code": "161", "display": "acetaminophen"}]}},
        {"itemReference": {"reference": "#s1"}},
        {"itemCodeableConcept": {"text": "starch"}, "isActive": False},
    ],
    "contained": [{"resourceType": "Substance", "id": "s1", "code": {"text": "codeine"}}],
}


def test_every_ingredient_of_a_mixture_is_kept() -> None:
    found = read(MIXTURE, request(medicationReference={"reference": "Medication/m1"}))
    assert found.orders is not None
    one = found.orders[0]
    assert one.text == "Co-codamol"
    assert one.form == "tablet"
    assert one.ingredients == ("acetaminophen", "codeine")
    assert [c.code for c in one.codes] == ["161"]
    assert codes(found.notes) == ["inactive-ingredient"]
    assert not found.problems


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/m1",
        "http://server/fhir/Medication/m1",
        "Medication/m1/_history/3",
        "urn:uuid:77",
        "#inside",
    ],
)
def test_references_to_contained_entry_and_absolute_url(reference: str) -> None:
    medication = {"resourceType": "Medication", "id": "m1", "code": {"text": "baclofen"}}
    contained = [medication | {"id": "inside"}]
    asked = request(medicationReference={"reference": reference}, contained=contained)
    entries = [
        {"fullUrl": "urn:uuid:77", "resource": medication},
        {"resource": asked},
        {"resource": person()},
    ]
    found = patients(read_bundle(bundle(entry=entries)))[0]
    assert found.orders is not None
    assert found.orders[0].text == "baclofen"
    assert not found.problems


@pytest.mark.parametrize(
    "reference", ["Medication/none", "urn:uuid:none", "#none", "Medication?identifier=x|1"]
)
def test_a_reference_that_points_nowhere_keeps_the_order(reference: str) -> None:
    found = read(request(medicationReference={"reference": reference}))
    assert found.orders is not None
    assert found.orders[0].text == f"Medication reference {reference} that points nowhere"
    assert codes(found.problems) == ["reference"]


def test_the_display_of_a_dead_reference_is_its_text() -> None:
    found = read(request(medicationReference={"reference": "Medication/none", "display": "Lioresal 10 mg"}))
    assert found.orders is not None
    assert found.orders[0].text == "Lioresal 10 mg"
    assert (codes(found.problems), codes(found.notes)) == ([], ["medicine-by-display"])


def test_an_order_without_a_medicine_is_kept_with_a_problem() -> None:
    found = read(request(medicationCodeableConcept={}))
    assert found.orders is not None
    assert found.orders[0].text == "Medication not stated"
    assert codes(found.problems) == ["medication-missing"]


@pytest.mark.parametrize(
    ("ratio", "strength"),
    [
        ({"numerator": mg(10), "denominator": {"value": 1, "code": "{tbl}", "unit": "tablet"}}, "10 mg"),
        ({"numerator": mg(10), "denominator": {"value": 20, "unit": "mL", "code": "mL"}}, "0.5 mg/mL"),
        ({"numerator": mg(10), "denominator": {"value": 2}}, "5 mg"),
        ({"numerator": mg(10)}, "10 mg"),
    ],
)
def test_strength_of_a_single_ingredient(ratio: dict[str, Any], strength: str) -> None:
    medication = {
        "resourceType": "Medication",
        "id": "m1",
        "ingredient": [{"itemCodeableConcept": {"text": "baclofen"}, "strength": ratio}],
    }
    found = read(medication, request(medicationReference={"reference": "Medication/m1"}))
    assert found.orders is not None
    assert str(found.orders[0].strength) == strength


def combination(*parts: tuple[str, dict[str, Any] | None]) -> dict[str, Any]:
    listed = [{"itemCodeableConcept": {"text": text}, "strength": ratio} for text, ratio in parts]
    kept = [{k: v for k, v in part.items() if v is not None} for part in listed]
    return {"resourceType": "Medication", "id": "m1", "ingredient": kept}


@pytest.mark.parametrize(
    ("parts", "ingredients"),
    [
        (
            (("oxycodone", None), ("acetaminophen", {"numerator": mg(325)})),
            ("oxycodone", "acetaminophen 325 mg"),
        ),
        (
            (("oxycodone", {"numerator": mg(5)}), ("acetaminophen", {"numerator": mg(325)})),
            ("oxycodone 5 mg", "acetaminophen 325 mg"),
        ),
        (
            (
                ("oxycodone 5 mg", {"numerator": mg(10)}),
                ("acetaminophen", {"numerator": mg(13), "denominator": {"value": 5, "code": "mL"}}),
            ),
            ("oxycodone 5 mg", "acetaminophen 2.6 mg/mL"),
        ),
        (
            (("oxycodone", {"numerator": {"value": 5, "unit": "banana"}}), ("acetaminophen", None)),
            ("oxycodone", "acetaminophen"),
        ),
    ],
)
def test_strengths_of_several_ingredients_stand_beside_each(
    parts: tuple[tuple[str, dict[str, Any] | None], ...], ingredients: tuple[str, ...]
) -> None:
    found = read(combination(*parts), request(medicationReference={"reference": "Medication/m1"}))
    assert found.orders is not None
    assert found.orders[0].ingredients == ingredients
    assert found.orders[0].strength is None


# Dosage


def test_a_complete_dosage() -> None:
    found = order(
        dosageInstruction=[
            dosage(
                mg(10),
                daily(3),
                asNeededBoolean=False,
                route={"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
            )
        ]
    )
    assert found.dose == Quantity(Decimal(10), "mg")
    assert found.frequency == Quantity(Decimal(3), "/d")
    assert found.as_needed is False
    assert found.route == "oral"
    assert found.daily_dose is None


@pytest.mark.parametrize(
    ("timing", "frequency"),
    [
        ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, "3 /d"),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk"}}, "1 /wk"),
        ({"repeat": {"frequency": 2, "frequencyMax": 3, "period": 1, "periodUnit": "d"}}, "2-3 /d"),
        ({"repeat": {"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}}, "4-6 /d"),
        ({"repeat": {"period": 1, "periodUnit": "d"}}, "1 /d"),
        ({"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}}, "0.5 /d"),
        ({"repeat": {"timeOfDay": ["08:00:00", "20:00:00"]}}, "2 /d"),
        ({"repeat": {"dayOfWeek": ["mon", "thu"]}}, "2 /wk"),
        ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon"]}}, "1 /wk"),
        ({"repeat": {"when": ["MORN", "HS"]}}, "2 /d"),
        ({"code": {"coding": [{"code": "TID"}]}}, "3 /d"),
        ({"code": {"coding": [{"code": "Q4H"}]}}, "6 /d"),
        ({"code": {"text": "b.i.d."}}, "2 /d"),
        ({"code": {"coding": [{"code": "BID"}]}, "repeat": daily(3)["repeat"]}, "2-3 /d"),
    ],
)
def test_frequency(timing: dict[str, Any], frequency: str) -> None:
    assert str(order(dosageInstruction=[dosage(mg(10), timing)]).frequency) == frequency


@pytest.mark.parametrize(
    "timing",
    [
        {"repeat": {"when": ["AC"]}},
        {"repeat": {"frequency": 3}},
        {"code": {"text": "as directed"}},
        {"code": {"coding": [{"system": "urn:local", "code": "BID"}]}},
        {"event": ["2026-01-01"]},
    ],
)
def test_a_timing_that_can_be_read_twice_is_not_read(timing: dict[str, Any]) -> None:
    found = order(dosageInstruction=[dosage(mg(10), timing)])
    assert found.frequency is None
    assert found.dose is not None


@pytest.mark.parametrize(
    "repeat", [{"frequency": 0}, {"period": 0}, {"periodUnit": "fortnight"}, {"period": -1}]
)
def test_an_impossible_frequency_is_a_problem(repeat: dict[str, Any]) -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), daily(1, **repeat))]))
    assert found.orders is not None
    assert found.orders[0].frequency is None or repeat == {"frequency": 0}
    assert codes(found.problems) == ["frequency"]


def test_a_dose_without_a_unit_is_not_guessed() -> None:
    found = read(request(dosageInstruction=[dosage({"value": 1.0}, daily(1))]))
    assert found.orders is not None
    assert found.orders[0].dose is None
    assert codes(found.notes) == ["dose-without-unit"]
    assert not found.problems


@pytest.mark.parametrize(
    "dose", [{"value": 0}, {"value": -5}, {"value": "ten"}, {"value": 1e40}, "10 mg", {"unit": 5}]
)
def test_a_bad_dose_keeps_the_order_and_is_a_problem(dose: Any) -> None:
    merged = {"unit": "mg", **dose} if isinstance(dose, dict) else dose
    found = read(request(dosageInstruction=[dosage(merged, daily(3))]))
    assert found.orders is not None
    assert found.orders[0].dose is None
    assert str(found.orders[0].frequency) == "3 /d"
    assert len(found.problems) == 1
    assert found.problems[0].path.startswith("MedicationRequest/o1.dosageInstruction[0]")


def test_a_unit_that_contradicts_its_code_is_a_problem() -> None:
    found = read(request(dosageInstruction=[dosage(mg(10) | {"unit": "g"}, daily(3))]))
    assert found.orders is not None
    assert found.orders[0].dose is None
    assert codes(found.problems) == ["unit-conflict"]


def test_two_spellings_of_one_unit_are_no_contradiction() -> None:
    dose = {"value": 300, "unit": "mcg", "system": "http://unitsofmeasure.org", "code": "ug"}
    assert str(order(dosageInstruction=[dosage(dose)]).dose) == "300 ug"


def test_a_count_is_named_by_its_printed_unit() -> None:
    dose = {"value": 2, "unit": "tablet", "system": "http://unitsofmeasure.org", "code": "1"}
    assert str(order(dosageInstruction=[dosage(dose)]).dose) == "2 tablet"


def test_dose_range_and_old_style_dose() -> None:
    spread = {"doseAndRate": [{"doseRange": {"low": mg(5), "high": mg(10)}}]}
    assert str(order(dosageInstruction=[spread]).dose) == "5-10 mg"
    assert str(order(dosageInstruction=[{"doseQuantity": mg(10)}]).dose) == "10 mg"
    assert (
        str(order(dosageInstruction=[{"doseAndRate": [{"doseRange": {"high": mg(10)}}]}]).dose) == "<=10 mg"
    )


def test_rate_of_a_pump() -> None:
    ratio = {"numerator": {"value": 300, "unit": "ug"}, "denominator": {"value": 1, "unit": "d"}}
    found = order(dosageInstruction=[{"doseAndRate": [{"rateRatio": ratio}]}])
    assert str(found.rate) == "300 ug/d"
    stated = order(dosageInstruction=[{"doseAndRate": [{"rateQuantity": {"value": 300, "unit": "ug/d"}}]}])
    assert stated.rate == found.rate


def test_as_needed_with_a_ceiling() -> None:
    most = {"numerator": mg(40), "denominator": {"value": 1, "unit": "day", "code": "d"}}
    found = order(
        dosageInstruction=[
            dosage(mg(10), asNeededCodeableConcept={"text": "spasms"}, maxDosePerPeriod=most),
        ]
    )
    assert found.as_needed is True
    assert str(found.max_per_day) == "40 mg/d"


def test_parts_of_one_order_add_up() -> None:
    found = order(dosageInstruction=[dosage(mg(10), daily(1)), dosage(mg(20), daily(2))])
    assert str(found.daily_dose) == "50 mg/d"
    assert str(found.dose) == "10-20 mg"
    assert str(found.frequency) == "3 /d"


def test_steps_of_one_order_span_lowest_to_highest() -> None:
    steps = [dosage(mg(5), daily(3), sequence=1), dosage(mg(10), daily(3), sequence=2)]
    found = read(request(dosageInstruction=steps))
    assert found.orders is not None
    assert str(found.orders[0].daily_dose) == "15-30 mg/d"
    assert codes(found.notes) == ["dosage-steps"]


def test_parts_that_do_not_all_state_a_dose_have_no_daily_dose() -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), daily(1)), {"text": "and some at night"}]))
    assert found.orders is not None
    assert found.orders[0].daily_dose is None
    assert found.orders[0].dose is None
    assert set(codes(found.notes)) == {"dosage-parts", "dosage-incomplete", "dosage-text-only"}


def test_several_routes_are_a_problem() -> None:
    parts = [dosage(mg(10), route={"text": "oral"}), dosage(mg(10), route={"text": "intrathecal"})]
    found = read(request(dosageInstruction=parts))
    assert found.orders is not None
    assert found.orders[0].route is None
    assert codes(found.problems) == ["routes"]


def test_a_dosage_in_words_that_is_not_understood_whole_is_not_read() -> None:
    found = read(request(dosageInstruction=[{"text": "1 tablet three times daily, more on bad days"}]))
    assert found.orders is not None
    assert (found.orders[0].dose, found.orders[0].frequency) == (None, None)
    assert codes(found.notes) == ["dosage-text-only"]


# Period


def test_start_and_stop_from_bounds_before_supply() -> None:
    bounds = {"boundsPeriod": {"start": "2026-01-02", "end": "2026-02-01"}}
    supply = {"validityPeriod": {"start": "2025-01-01", "end": "2027-01-01"}}
    found = order(
        dosageInstruction=[dosage(mg(10), daily(1, **bounds))], dispenseRequest=supply, authoredOn="2026"
    )
    assert (str(found.start), str(found.stop)) == ("2026-01-02", "2026-02-01")


def test_the_longest_supply_counts_with_its_repeats() -> None:
    supply = {
        "validityPeriod": {"start": "2026-01-01", "end": "2026-01-10"},
        "expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"},
        "numberOfRepeatsAllowed": 1,
    }
    found = order(dispenseRequest=supply, status="completed")
    assert (str(found.start), str(found.stop)) == ("2026-01-01", "2026-03-02")


def test_the_end_of_validity_does_not_stop_an_order_in_force() -> None:
    """Until then it may be dispensed; a status of active says that it is taken."""
    valid = {"validityPeriod": {"start": "2026-01-01", "end": "2026-03-01"}}
    found = read(request(dispenseRequest=valid))
    assert found.orders is not None
    assert (str(found.orders[0].start), found.orders[0].stop) == ("2026-01-01", None)
    assert codes(found.notes) == ["validity-no-stop"]
    assert str(order(status="completed", dispenseRequest=valid).stop) == "2026-03-01"
    month = {"expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}}
    assert order(dispenseRequest={**valid, **month}).stop is None
    assert str(order(authoredOn="2026-02-15", dispenseRequest={**valid, **month}).stop) == "None"


SUPPLY = {"expectedSupplyDuration": {"value": 90, "unit": "days", "code": "d"}}


def test_a_request_that_is_completed_runs_while_its_supply_lasts() -> None:
    """It is completed when all was dispensed, which is when taking it begins."""
    made = request(status="completed", authoredOn="2026-01-01", dispenseRequest=SUPPLY)
    found = read(made)
    assert [(one.status, str(one.stop)) for one in found.orders or ()] == [("unknown", "2026-04-01")]
    assert codes(found.notes) == ["completed-supply"]
    assert [one.status for one in read(made, request("o2")).orders or ()] == ["completed", "active"]
    for other in (
        {"dosageInstruction": [dosage(mg(10), daily(1, boundsPeriod={"end": "2026-03-01"}))]},
        {"dispenseRequest": {"validityPeriod": {"end": "2026-03-01"}}},
        {"status": "stopped"},
    ):
        assert read({**made, **other}).orders[0].status in ("completed", "stopped")  # type: ignore[index]


def test_an_order_in_force_outlives_its_supply_unless_another_carries_it_on() -> None:
    """The status says that it is taken; a refill written anew is the order that is taken then."""
    old = request(authoredOn="2025-03-01", dispenseRequest=SUPPLY)
    found = read(old)
    assert [(one.status, one.stop) for one in found.orders or ()] == [("active", None)]
    assert codes(found.notes) == ["supply-no-stop"]
    new = request("o2", authoredOn="2025-06-01", dispenseRequest=SUPPLY)
    both = read(old, new)
    assert [str(one.stop) for one in both.orders or ()] == ["2025-05-30", "None"]
    assert codes(both.notes) == ["supply-no-stop"]
    over = read(old, {**new, "status": "stopped"})
    assert [str(one.stop) for one in over.orders or ()] == ["None", "2025-08-30"]
    on_hold = read({**old, "status": "on-hold"})
    assert [one.stop for one in on_hold.orders or ()] == [None]
    draft = read({**old, "status": "draft"})
    assert [str(one.stop) for one in draft.orders or ()] == ["2025-05-30"]


def test_days_of_supply_without_a_unit_are_days() -> None:
    entry = request(whenHandedOver="2026-01-01", daysSupply={"value": 28}) | {
        "resourceType": "MedicationDispense",
        "status": "completed",
    }
    found = read(entry)
    assert found.orders is not None
    assert (str(found.orders[0].stop), found.problems) == ("2026-01-29", ())


def test_authored_on_alone_leaves_the_stop_unknown() -> None:
    found = order(authoredOn="2026-01-02T08:00:00Z")
    assert (str(found.start), found.stop) == ("2026-01-02T08:00:00Z", None)


def test_a_stop_before_the_start_is_a_problem() -> None:
    bounds = {"boundsPeriod": {"start": "2026-02-02", "end": "2026-01-01"}}
    found = read(request(dosageInstruction=[dosage(mg(10), daily(1, **bounds))]))
    assert found.orders is not None
    assert found.orders[0].stop is None
    assert codes(found.problems) == ["period"]


def test_dispense_runs_for_its_days_of_supply() -> None:
    entry = request(whenHandedOver="2026-01-01", daysSupply={"value": 28, "unit": "d"}) | {
        "resourceType": "MedicationDispense",
        "status": "completed",
    }
    found = read(entry)
    assert found.orders is not None
    assert (str(found.orders[0].start), str(found.orders[0].stop)) == ("2026-01-01", "2026-01-29")


def test_statement_and_administration_take_effective() -> None:
    period = {"start": "2026-01", "end": "2026-02"}
    taken = request(effectivePeriod=period) | {"resourceType": "MedicationStatement"}
    given = request("o2", effectiveDateTime="2026-01-05") | {
        "resourceType": "MedicationAdministration",
        "status": "completed",
        "dosage": {"dose": mg(50), "route": {"text": "intrathecal"}},
    }
    found = read(taken, given)
    assert found.orders is not None
    assert (str(found.orders[0].start), str(found.orders[0].stop)) == ("2026-01", "2026-02")
    assert (str(found.orders[1].start), str(found.orders[1].stop)) == ("2026-01-05", "2026-01-05")
    assert str(found.orders[1].dose) == "50 mg"


def test_indication_from_code_and_reference() -> None:
    reason = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "MS"},
    }
    found = read(
        reason,
        request(reasonCode=[{"text": "spasticity"}], reasonReference=[{"reference": "Condition/c1"}]),
    )
    assert found.orders is not None
    assert found.orders[0].indication is not None
    assert [one.text for one in found.orders[0].indication] == ["spasticity", "MS"]


def test_order_ids_are_unique_across_types() -> None:
    found = read(request("1"), request("1") | {"resourceType": "MedicationStatement"})
    assert found.orders is not None
    assert [one.id for one in found.orders] == ["1", "MedicationStatement/1"]


def test_lengths_of_steps_that_follow_each_other_add_up() -> None:
    def step(number: int, days: int) -> dict[str, Any]:
        bounds = {"value": days, "unit": "d", "code": "d", "system": "http://unitsofmeasure.org"}
        return dosage(mg(10), daily(1, boundsDuration=bounds), sequence=number)

    taper = order(authoredOn="2026-01-01", dosageInstruction=[step(1, 5), step(2, 5)])
    assert str(taper.stop) == "2026-01-11"
    together = order(authoredOn="2026-01-01", dosageInstruction=[step(1, 5), step(1, 7)])
    assert str(together.stop) == "2026-01-08"


@pytest.mark.parametrize(
    ("repeat", "often", "said"),
    [
        ({"frequency": 2, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]}, "2 /d", []),
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN", "EVE"]},
            "1-2 /d",
            ["frequency-conflict"],
        ),
        (
            {
                "frequency": 1,
                "period": 1,
                "periodUnit": "d",
                "timeOfDay": ["08:00:00", "14:00:00", "20:00:00"],
            },
            "1-3 /d",
            ["frequency-conflict"],
        ),
        ({"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}, "1 /d", []),
        ({"frequency": 3, "period": 1, "periodUnit": "d", "when": ["C"]}, "3 /d", []),
    ],
)
def test_times_of_the_day_that_differ_from_the_frequency_are_kept_beside_it(
    repeat: dict[str, Any], often: str, said: list[str]
) -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), {"repeat": repeat})]))
    assert found.orders is not None
    assert str(found.orders[0].frequency) == often
    assert codes(found.notes) == said


@pytest.mark.parametrize(
    ("code", "often"),
    [
        ({"text": "3 times daily"}, "3 /d"),
        ({"text": "Every 8 hours"}, "3 /d"),
        ({"coding": [{"system": "https://hospital.example/4003", "code": "69", "display": "q6hr"}]}, "4 /d"),
        ({"text": "once weekly"}, "1 /wk"),
    ],
)
def test_a_timing_code_may_say_it_in_words(code: dict[str, Any], often: str) -> None:
    assert str(order(dosageInstruction=[dosage(mg(10), {"code": code})]).frequency) == often


@pytest.mark.parametrize(
    "code", [{"text": "10 mg daily"}, {"text": "as before"}, {"coding": [{"code": "X7"}]}]
)
def test_a_timing_code_that_is_not_understood_is_said(code: dict[str, Any]) -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), {"code": code})]))
    assert found.orders is not None
    assert found.orders[0].frequency is None
    assert codes(found.notes) == ["frequency-unread"]


def test_of_several_amounts_the_calculated_one_is_used_where_none_is_ordered() -> None:
    parts = [
        {"type": {"text": "calculated"}, "doseQuantity": mg(5)},
        {"type": {"text": "admin-amount"}, "doseQuantity": {"value": 1, "unit": "tablet"}},
    ]
    found = read(request(dosageInstruction=[{"doseAndRate": parts}]))
    assert found.orders is not None
    assert str(found.orders[0].dose) == "5 mg"
    assert found.problems == ()


@pytest.mark.parametrize(
    ("code", "orders", "said"),
    [
        ("no-known-medications", (), "no-known-medications"),
        ("no-medication-info", None, "no-medication-info"),
    ],
)
def test_a_summary_that_knows_of_no_medicine(code: str, orders: tuple[()] | None, said: str) -> None:
    system = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
    statement = {
        "resourceType": "MedicationStatement",
        "id": "s1",
        "status": "unknown",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"coding": [{"system": system, "code": code}]},
    }
    found = read(statement)
    assert (found.orders, codes(found.notes)) == (orders, [said])
    both = read(statement, request())
    assert both.orders is not None
    assert len(both.orders) == 1
