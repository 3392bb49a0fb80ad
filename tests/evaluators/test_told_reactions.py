"""A reaction that an allergy tells in its text counts as one that is recorded, in every evaluator."""

from __future__ import annotations

from typing import Any

import pytest

from caveat.columns.records import to_batch
from caveat.compile.ruleset import load
from caveat.evaluators.columnar import Columnar
from caveat.evaluators.screen import screen
from caveat.facts.allergies import reactions_told
from caveat.facts.patient import Patient

AS_OF = "2026-01-15"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Codeine - nausea", ["nausea"]),
        ("Lisinopril (angioedema)", ["angioedema"]),
        ("Vicodin - nausea/vomiting", ["nausea", "vomiting"]),
        ("PCN (hives, anaphylaxis)", ["hives", "anaphylaxis"]),
        ("sulfa [hives]", ["hives"]),
        ("ACE inhibitors: cough", ["cough"]),
        ("Codeine \N{EN DASH} itching and nausea", ["itching", "nausea"]),
        # one word that is no reaction, and nothing is known of any
        ("Penicillin (rash, felt odd)", []),
        ("penicillin - rash as a child", []),
        ("Penicillin - unknown reaction", []),
        ("Ibuprofen - no anaphylaxis", []),
        ("Codeine - nausea?", []),
        # a name, not a reaction
        ("Amoxicillin (Augmentin)", []),
        ("amoxicillin-clavulanate", []),
        ("penicillin", []),
        ("unheard-of stuff - rash", []),
        ("rash", []),
        ("(rash)", []),
        ("", []),
        ("Codeine - " + "nausea, " * 100 + "nausea", []),
    ],
)
def test_what_the_text_tells(text: str, told: list[str]) -> None:
    assert [str(one) for one in reactions_told(load().terminology, text)] == told


def record(**allergy: Any) -> dict[str, Any]:
    orders = [{"id": "o1", "text": "codeine 30 mg tablet", "status": "active", "start": "2026-01-01"}]
    return {"id": "p", "birth_date": "1970-01-01", "sex": "male", "orders": orders, "allergies": [allergy]}


def outcomes(given: dict[str, Any]) -> list[dict[str, str]]:
    """Rule and status of what is not clear about allergies, by each evaluator."""
    patient = Patient.model_validate(given)
    found = []
    for name in ("reference", "inprocess"):
        findings = screen(patient, load(), as_of=AS_OF, evaluator=name).findings
        found.append({f.rule.id: f.status.value for f in findings if f.allergies})
    rows = Columnar(load(), as_of=AS_OF).screen(to_batch([patient])).findings.to_pylist()
    found.append({row["rule"]: row["status"] for row in rows if row["allergies"]})
    return found


@pytest.mark.parametrize("reaction", ["nausea", "anaphylaxis", "hives"])
def test_told_and_recorded_are_judged_alike(reaction: str) -> None:
    told = outcomes(record(text=f"codeine - {reaction}"))
    recorded = outcomes(record(text="codeine", reactions=[{"text": reaction}]))
    assert told[0]
    assert told == recorded
    assert told[0] == told[1] == told[2]


def test_what_is_recorded_comes_before_what_is_told() -> None:
    both = outcomes(record(text="codeine - nausea", reactions=[{"text": "anaphylaxis"}]))
    assert both == outcomes(record(text="codeine", reactions=[{"text": "anaphylaxis"}]))
    assert both != outcomes(record(text="codeine - nausea"))
