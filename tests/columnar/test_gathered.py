"""Two medicines that are written as one order are told, since no rule judges an order against itself."""

from __future__ import annotations

import pytest

import caveat
from caveat.facts.patient import Patient
from columnar.agreement import differences

DAY = "2026-01-15"


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["sildenafil, isosorbide mononitrate"], True),
        (["warfarin 5 mg daily and ibuprofen 400 mg"], True),
        (["sildenafil", "isosorbide mononitrate"], False),  # judged against each other
        (["oxycodone/paracetamol 5 mg/325 mg tablet"], False),  # a known product
        (["calcium carbonate / vitamin D"], False),  # no rule on the two
    ],
)
def test_medicines_written_as_one_order(texts: list[str], told: bool) -> None:
    rules = caveat.load()
    orders = [{"id": f"o{n}", "text": text, "status": "active"} for n, text in enumerate(texts)]
    patient = Patient(id="p", birth_date="1960-01-01", sex="male", orders=orders)
    report = caveat.screen(patient, rules, as_of=DAY)
    assert ("several-medicines" in {error.code for error in report.errors}) == told
    assert not (told and report.is_clear)
    found, _ = differences([patient], rules, DAY)
    assert not found
