"""An observation named by a label counts the same in every evaluator."""

from __future__ import annotations

from fractions import Fraction

import pytest

import caveat
from caveat.evaluators.screen import ordinal
from caveat.facts.chart import Chart
from caveat.facts.numbers import number


@pytest.mark.parametrize("concept", ["serum_creatinine", "Serum creatinine", "creatinine", "SCr"])
@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
def test_a_label_names_the_concept(concept: str, evaluator: str) -> None:
    patient = caveat.Patient.model_validate(
        {
            "id": "p",
            "age": "70 a",
            "sex": "female",
            "weight": "60 kg",
            "observations": [{"concept": concept, "value": "2.5 mg/dL", "at": "2026-01-05"}],
            "orders": [{"id": "o1", "text": "baclofen 10 mg tablet", "route": "oral", "status": "active"}],
        }
    )
    report = caveat.screen(patient, caveat.load(), as_of="2026-01-15", evaluator=evaluator)
    rules = {finding.rule.id for finding in report.alerts}
    assert "baclofen.renal.crcl-below-30" in rules
    assert "baclofen.renal.function-unknown" not in rules
    assert report.errors == ()


@pytest.mark.parametrize(("concept", "written"), [("potassium", "3.3"), ("sodium", "128")])
@pytest.mark.parametrize("unit", ["mmol/L", "meq/L", "mEq/L"])
def test_salts_are_read_in_milliequivalents(concept: str, written: str, unit: str) -> None:
    """The usual US unit; both ions carry one charge."""
    value = {"concept": concept, "value": f"{written} {unit}", "at": "2026-01-10"}
    chart = Chart(
        caveat.Patient(id="p", observations=[value]), caveat.load().terminology, as_of=ordinal("2026-01-15")
    )
    found = number(chart, concept, "mmol/L").interval
    assert found is not None
    assert found.exact == Fraction(written)
