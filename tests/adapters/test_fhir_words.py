"""Dosages in words: read whole, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.builder import codes, daily, dosage, mg, order, read, request
from caveat.adapters.fhir import sig
from caveat.adapters.fhir.timing import frequency


def shown(text: str) -> str:
    """What the text says, in one line; empty when it is not read."""
    said = sig.read(text)
    if said is None:
        return ""
    parts: list[Any] = [said.dose, frequency(said.often), said.daily and f"= {said.daily}"]
    parts += ["prn" if said.as_needed else None, said.maximum and f"max {said.maximum}", said.route]
    return "; ".join(str(one) for one in parts if one is not None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 tab PO TID prn", "1 {tablet}; 3 /d; prn; oral"),
        ("take one tablet twice a day", "1 {tablet}; 2 /d"),
        ("10mg nocte", "10 mg; 1 /d"),
        ("5 mL qds", "5 mL; 4 /d"),
        ("1-2 tablets every 4-6 hours as needed, max 8 a day", "1-2 {tablet}; 4-6 /d; prn; max 8 {tablet}/d"),
        ("Take 1 tablet (10 mg total) by mouth 3 (three) times daily.", "10 mg; 3 /d; oral"),
        ("5 mg = 1 tab, Oral, Daily, # 30 tab, 0 Refill(s)", "5 mg; 1 /d; oral"),
        ("600 mg, Oral, q6hr, PRN: as needed for pain", "600 mg; 4 /d; prn; oral"),
        ("30 mg, Oral, 3 times daily, First dose on Tue 11/1/26 at 0900", "30 mg; 3 /d; oral"),
        ("500 mg orally every 8 hours for 7 days", "500 mg; 3 /d; oral"),
        ("ONE TABLET TWICE A DAY for 7 days", "1 {tablet}; 2 /d"),
        ("Take 6 tablets once a week on Monday", "6 {tablet}; 1 /wk"),
        ("5 mg Mon Wed Fri", "5 mg; 3 /wk"),
        ("One To Be Taken Three Times A Day", "1 {piece}; 3 /d"),
        ("Two To Be Taken Four Times A Day When Required", "2 {piece}; 4 /d; prn"),
        ("1 bd", "2 /d"),
        ("ONE DAILY", "1 {piece}; 1 /d"),
        ("one tablet OD", "1 {tablet}; 1 /d"),
        ("1 tab q.i.d.", "1 {tablet}; 4 /d"),
        ("1 tab every other day", "1 {tablet}; 0.5 /d"),
        ("\u00bd tablet bid", "0.5 {tablet}; 2 /d"),
        ("half a tablet at night", "0.5 {tablet}; 1 /d"),
        ("one 5ml spoonful three times a day", "5 mL; 3 /d"),
        ("5ml (10mg) twice a day", "10 mg; 2 /d"),
        ("two 500mg tablets four times a day", "1000 mg; 4 /d"),
        ("2 x 500 mg daily", "= 1000 mg/d"),
        ("4 tablets a day", "= 4 {tablet}/d"),
        ("2 tablets daily at night", "2 {tablet}; 1 /d"),
        ("2 tablets once daily", "2 {tablet}; 1 /d"),
        ("40 mg daily", "40 mg; 1 /d"),
        ("15 mg per day", "= 15 mg/d"),
        ("30 mg daily in 3 divided doses", "3 /d; = 30 mg/d"),
        ("2 tabs every morning and 1 tab at bedtime", "1-2 {tablet}; 2 /d; = 3 {tablet}/d"),
        ("10 units in the morning and 8 units at night", "8-10 [iU]; 2 /d; = 18 [iU]/d"),
        ("Take one up to three times a day as needed for anxiety", "1 {piece}; 1-3 /d; prn"),
        (
            "Take 2 capsules (600 mg total) by mouth in the morning and 2 capsules (600 mg total) "
            "before bedtime.",
            "600 mg; 2 /d; oral",
        ),
        ("one tablet at night as needed for sleep", "1 {tablet}; 1 /d; prn"),
        ("Inject 0.4 mL (40 mg total) under the skin daily.", "40 mg; 1 /d; subcutaneous"),
        ("TAKE 1 TABLET EVERY DAY BY MOUTH FOR BLOOD PRESSURE", "1 {tablet}; 1 /d; oral"),
        ("take 1 tablet by oral route once every morning", "1 {tablet}; 1 /d; oral"),
        ("TAKE ONE-HALF TABLET BY MOUTH TWICE A DAY", "0.5 {tablet}; 2 /d; oral"),
        ("1 each, Oral, Daily", "1 {piece}; 1 /d; oral"),
        ("Una tableta cada 12 hrs por 5 d\u00edas", "1 {tablet}; 2 /d"),
        ("max 3 tablets daily", "max 3 {tablet}/d"),
        ("1 patch every 72 hours", "1 {patch}; 0.333333333333 /d"),
        ("20 units sc at bedtime", "20 [iU]; 1 /d; subcutaneous"),
        ("1-0-1", "1 {piece}; 2 /d"),
        ("1-0-2-0 Tabletten", "1-2 {tablet}; 2 /d; = 3 {tablet}/d"),
        ("2mal t\u00e4gl. 5ml", "5 mL; 2 /d"),
        ("2x tgl. 1 Tbl. bei Bedarf", "1 {tablet}; 2 /d; prn"),
        ("bis zu max. 4 mal t\u00e4glich 1 Tablette einnehmen", "1 {tablet}; 1-4 /d"),
        ("1,5 Tabletten t\u00e4glich", "1.5 {tablet}; 1 /d"),
        ("1 comprim\u00e9 3 fois par jour", "1 {tablet}; 3 /d"),
        ("1 g\u00e9lule matin, midi et soir", "1 {capsule}; 3 /d"),
        ("1 comprimido cada 8 horas si dolor", "1 {tablet}; 3 /d; prn"),
        ("1 compressa 2 volte al giorno", "1 {tablet}; 2 /d"),
        ("1 tablett 2 g\u00e5nger dagligen", "1 {tablet}; 2 /d"),
        ("5mg x3/dag", "5 mg; 3 /d"),
    ],
)
def test_what_dosages_in_words_say(text: str, said: str) -> None:
    assert shown(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "use as directed",
        "according to INR",
        "do not take",
        "not to be taken",
        "one tablet daily except Sunday",
        "2.5mg daily; 5mg on Sundays",
        "20 mg daily for 5 days then 10 mg daily for 5 days",
        "1 tablet tds increasing to 2 tablets tds after 3 days",
        "10mg tid; may increase to 20mg tid",
        "1 tablet daily, 2 tablets daily",
        "1 tablet twice daily or three times daily",
        "1,000 mg bd",
        "1.000 mg bd",
        "10 000 units daily",
        "1 drop OD",
        "1 am 1 pm",
        "ii tabs bd",
        "3x1",
        "10mg/5ml bd",
        "Take 1 tablet twice daily at bedtime",
        "2 tablets (10 mg) daily",
        "1-0-1 mg 20 mg",
        "1/0 tablet daily",
        "2.5 mg daily weekly",
        "1 tablet Mon - Fri",
        "1 tablet Monday to Friday",
        "1 tablet daily for bd",
        "1 tablet prn tds for two weeks",
        "8 8 mg daily",
        "Take 2 500 mg tablets twice daily",
        "0-1/0-1",
        "0 tablets daily",
        "20-0-20",
        "1 tablet daily. Stop if rash occurs",
        "1 tablet daily for pain or every 8 hours",
        "1 tablet daily for one week only",
        "2 tablets (20 mg) in the morning and 1 tablet (20 mg) at night",
        "1 tablet as needed, reduce to half if drowsy",
        "1 tablet daily as needed for sleep take another after an hour",
        "x" * 400,
    ],
)
def test_what_can_be_read_twice_or_not_at_all_is_not_read(text: str) -> None:
    assert sig.read(text) is None


WORDS = {1: "once a day", 2: "twice daily", 3: "tds", 4: "four times a day"}
EXACT = {0.5: "1/2", 1: "1", 2: "2", 2.5: "2.5", 10: "10"}


@given(
    amount=st.sampled_from(sorted(EXACT)),
    unit=st.sampled_from(("mg", "tablet", "mL", "micrograms")),
    times=st.sampled_from(sorted(WORDS)),
    before=st.sampled_from(("", "Take ", "take the ", "GIVE ")),
    after=st.sampled_from(("", " with food", " for 7 days", ", as directed", " (oral)", ".")),
    prn=st.booleans(),
    first=st.booleans(),
)
def test_dose_and_frequency_in_any_order(
    amount: float, unit: str, times: int, before: str, after: str, prn: bool, first: bool
) -> None:
    dose = f"{EXACT[amount]} {unit}"
    words = f"{WORDS[times]} {dose}" if first else f"{dose} {WORDS[times]}"
    said = sig.read(before + words + (" prn" if prn else "") + after)
    assert said is not None
    assert said.dose is not None
    assert said.often is not None
    assert float(said.dose.value) == amount
    assert said.often.low == said.often.high == times
    assert said.as_needed is (True if prn else None)


@given(
    start=st.integers(0, 6),
    word=st.text("abcdefghijklmnopqrstuvwxyz", max_size=12),
)
def test_one_word_that_is_not_known_leaves_all_of_it_unread(start: int, word: str) -> None:
    words = "take 1 tablet 3 times daily".split()
    assert sig.read(" ".join((*words[:start], f"zq{word}", *words[start:]))) is None


@given(st.text(max_size=60) | st.text("01/-. ,()x mgdailytabprn", max_size=30))
def test_any_text_is_read_or_not_and_never_fails(text: str) -> None:
    said = sig.read(text)
    assert said is None or said.dose is None or said.dose.value > 0


def test_words_give_what_the_data_lack() -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), text="10 mg three times a day when required")]))
    assert found.orders is not None
    one = found.orders[0]
    assert (str(one.dose), str(one.frequency), one.as_needed) == ("10 mg", "3 /d", True)
    assert codes(found.notes) == ["dosage-text-read"]


def test_words_are_not_asked_where_the_data_say_both() -> None:
    found = read(request(dosageInstruction=[dosage(mg(10), daily(3), text="20 mg once daily")]))
    assert found.orders is not None
    assert (str(found.orders[0].dose), str(found.orders[0].frequency)) == ("10 mg", "3 /d")
    assert found.notes == ()


@pytest.mark.parametrize(
    "instruction",
    [
        dosage(mg(10), text="20 mg three times daily"),
        dosage({"value": 2, "unit": "TAB"}, text="one tablet three times daily"),
        dosage({"value": 2, "unit": "spoonful"}, text="one tablet three times daily"),
        dosage(None, daily(2), text="one tablet three times daily"),
        {"doseAndRate": [{"doseQuantity": {"value": 2}}], "text": "one tablet three times daily"},
    ],
)
def test_words_that_differ_from_the_data_give_nothing(instruction: dict[str, Any]) -> None:
    found = read(request(dosageInstruction=[instruction]))
    assert found.orders is not None
    assert None in (found.orders[0].dose, found.orders[0].frequency)
    assert "dosage-text-differs" in codes(found.notes)


@pytest.mark.parametrize(
    ("dose", "text"),
    [
        (mg(0.5), "500 micrograms three times daily"),
        (mg(10), "1 tablet three times daily"),
        ({"value": 2, "unit": "TAB"}, "two tablets three times daily"),
    ],
)
def test_words_that_say_the_same_in_another_way_give_the_frequency(dose: dict[str, Any], text: str) -> None:
    one = order(dosageInstruction=[dosage(dose, text=text)])
    assert str(one.frequency) == "3 /d"


def test_words_give_the_unit_of_a_number_that_lacks_one() -> None:
    amount = {"doseAndRate": [{"doseQuantity": {"value": 2}}], "text": "Take TWO tablets three times daily"}
    one = order(dosageInstruction=[amount])
    assert (str(one.dose), str(one.frequency)) == ("2 {tablet}", "3 /d")


def test_instructions_for_the_patient_stand_in_for_a_text() -> None:
    one = order(dosageInstruction=[{"patientInstruction": "1 tablet twice daily"}])
    assert (str(one.dose), str(one.frequency)) == ("1 {tablet}", "2 /d")


def test_the_words_of_later_steps_may_begin_with_then() -> None:
    steps = [
        {"sequence": 1, "text": "8 tablets daily for 5 days"},
        {"sequence": 2, "text": "then 4 tablets daily"},
    ]
    assert str(order(dosageInstruction=steps).daily_dose) == "4-8 {tablet}/d"
    assert order(dosageInstruction=[{"text": "then 4 tablets daily"}]).dose is None


def test_parts_in_words_add_up() -> None:
    parts = [{"text": "2 tablets in the morning and 1 at night"}, {"text": "1 tablet at noon"}]
    assert str(order(dosageInstruction=parts).daily_dose) == "4 {tablet}/d"
