"""Under a site's policy and overlay, columns and single records agree too."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.adapters import read_records
from caveat.compile.ruleset import load
from caveat.facts.patient import Patient
from columnar.agreement import differences


@pytest.mark.parametrize("policy", ["default", "passive"])
def test_records_that_ship_under_an_overlay(root: Path, policy: str) -> None:
    overlay = root / "rulesets" / "policies" / "overlays" / "ward-example.yaml"
    rules = load(policy=policy, overlay=overlay, day="2026-12-01", cache=False)
    records = [r for r in read_records([root / "fixtures"]) if isinstance(r, Patient)]
    found, screened = differences(records, rules, "2026-01-15")
    assert not found, found[0]
    rows = screened.findings.to_pylist()
    off = {rule for rule, _, _ in rules.disabled}
    assert len(rows) > 200
    assert not off & {row["rule"] for row in rows}
    assert {row["severity"] for row in rows if row["rule"] == "baclofen.withdrawal.on-hold"} == {
        "contraindicated"
    }
