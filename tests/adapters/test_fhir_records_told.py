"""Whole records of many systems: what must be told of each, what stays open, and what must not be said."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pytest

import caveat
from caveat.adapters import read_records
from caveat.compile.ruleset import Ruleset
from caveat.facts.patient import Patient
from caveat.findings.report import Report

FOLDER = Path(__file__).parents[2] / "fixtures" / "elsewhere"
AS_OF = "2026-11-26"
METFORMIN = "metformin.renal.egfr-below-30"
SALTS = "potassium-sparing.raas.severe"
BLEEDING = "vitamin-k-antagonist.nsaid.high-risk"
ALLERGY = "medicine.allergy.hypersensitivity"
ASTHMA = "beta-blocker.asthma.nonselective"
TWICE = "medicine.duplicate.same-ingredient"


@dataclass(frozen=True)
class Told:
    """Rules that alert, that cannot be assessed, that are settled, and the problems of the record."""

    alerts: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    why: str = ""
    """What the reason of an open rule must say."""


RECORDS = {
    "report-holds-results": Told(alerts=(SALTS,)),
    "report-lacks-result": Told(open=(METFORMIN,), problems=("reference",)),
    "lab-local-codes": Told(alerts=(METFORMIN,)),
    "lab-doubtful-name": Told(
        open=(SALTS,),
        why="'Potassium, bedside analyser: 6.3 mmol/L of 2026-11-22' may be it, "
        "but has no LOINC code that is known: code it in LOINC",
    ),
    "lab-specimens": Told(alerts=("thiazide.older.low-sodium-or-potassium",)),
    "lab-nordic": Told(alerts=(METFORMIN,)),
    "lab-practice-uk": Told(alerts=(METFORMIN, SALTS)),
    "potassium-in-mg": Told(
        open=(SALTS,), why="6.3 mg/dL: mg/dL is no unit of potassium, which is measured in mmol/L"
    ),
    "result-with-flag-inside": Told(
        open=(SALTS,), why="'5.9 H mmol/L' is recorded and cannot be read as a number"
    ),
    "panel-of-components": Told(alerts=(METFORMIN,)),
    "fr-daily-methotrexate": Told(
        alerts=("methotrexate.dose.more-than-weekly", "methotrexate.older.egfr-below-30")
    ),
    "de-pharmacy-document": Told(alerts=(BLEEDING,)),
    "us-order-display": Told(alerts=(BLEEDING,)),
    "us-claims": Told(alerts=(BLEEDING,)),
    "summary-sections-none": Told(settled=(ASTHMA, ALLERGY)),
    "summary-sections-unavailable": Told(open=("record.orders.unknown",)),
    "summary-none-yet-some": Told(alerts=(BLEEDING,)),
    "summary-nothing-known": Told(open=(ASTHMA, ALLERGY)),
    "summary-none-worded": Told(settled=("record.orders.unknown",)),
    "allergy-none-to-foods": Told(open=(ALLERGY,), why="no allergy list is recorded"),
    "list-holds-medicines": Told(alerts=(BLEEDING,)),
    "statement-of-request": Told(alerts=(BLEEDING,), settled=(TWICE,)),
    "condition-ruled-out": Told(settled=(ASTHMA,)),
    "validity-ended": Told(alerts=(BLEEDING,)),
    "possibly-pregnant": Told(open=("raas-blocker.pregnancy.any-time",)),
}


@lru_cache(maxsize=1)
def rules() -> Ruleset:
    return caveat.load()


@lru_cache(maxsize=64)
def judged(name: str) -> tuple[Patient, Report]:
    terminology = rules().terminology
    (patient,) = read_records(
        [FOLDER / f"{name}.json"], bound=lambda code: terminology.observation_for(code) is not None
    )
    assert isinstance(patient, Patient), patient
    return patient, caveat.screen(patient, rules(), as_of=AS_OF)


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_told(name: str) -> None:
    patient, report = judged(name)
    told = RECORDS[name]
    alerts = {one.rule.id for one in report.alerts}
    open_rules = {one.rule.id for one in report.cannot_assess}
    assert set(told.alerts) <= alerts
    assert set(told.open) <= open_rules
    assert not set(told.open) & alerts
    assert not set(told.settled) & (alerts | open_rules)
    assert tuple(one.code for one in patient.problems) == told.problems
    reasons = [
        missing.reason for one in report.cannot_assess if one.rule.id in told.open for missing in one.missing
    ]
    assert any(told.why in reason for reason in reasons) or not told.why, reasons


@pytest.mark.parametrize(
    "name", ["us-order-display", "us-claims", "list-holds-medicines", "statement-of-request"]
)
def test_each_pair_is_told_once(name: str) -> None:
    _, report = judged(name)
    assert [one.rule.id for one in report.alerts].count(BLEEDING) == 1


def test_a_result_of_urine_is_not_one_of_blood() -> None:
    """140 mmol/L in urine, of a later day, must not hide 124 in serum."""
    patient, _ = judged("lab-specimens")
    assert [str(one.value) for one in patient.observations or ()] == ["124 mmol/L"]
    patient, _ = judged("lab-local-codes")
    assert [str(one.value) for one in patient.observations or ()] == ["2.9 mg/dL"]
    patient, _ = judged("report-holds-results")
    assert [str(one.value) for one in patient.observations or ()] == ["6.1 mmol/L", "139 mmol/L"]


def test_every_record_has_an_expectation() -> None:
    from adapters.test_fhir_records import ALERTS, ORDERS

    known = {*RECORDS, *ORDERS, *(name for name, _ in ALERTS), "body-in-feet", "version-stu3", "version-r5"}
    assert {file.stem for file in FOLDER.glob("*.json")} == known
