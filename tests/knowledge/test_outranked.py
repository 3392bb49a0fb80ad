"""Rules of a file that says so are outranked by any other rule on the same pair."""

from __future__ import annotations

from pathlib import Path

import pytest

import caveat
from caveat.columns.records import to_batch
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.columnar import Columnar
from caveat.facts.patient import Patient

DAY = "2026-01-15"
SOURCES = """\
format: 1
sources:
- id: paper.one
  publisher: A press
  title: A paper
  version: "2020"
  licence: facts only
  retrieved: 2026-01-01
  kind: paper
"""
RULE = """\
- id: {id}
  kind: interaction
  severity: {severity}
  status: draft
  title: A pair
  applies_to: {{pair: {{order: {{{order}}}, with: {{{other}}}}}}}
  when: {{always: true}}
{unless}  alert: {{summary: A pair, consequence: Something happens., action: Consider another medicine.}}
  evidence:
  - {{source: paper.one, section: all, says: A pair., checked: 2026-01-01}}
"""
UNLESS = """\
  unless:
  - {id: on-the-skin, because: Little is taken up., order: {route: [topical]}}
"""


def rule(id: str, severity: str, order: str, other: str, unless: str = "") -> str:
    return RULE.format(id=id, severity=severity, order=order, other=other, unless=unless)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A curated rule of a class, milder than the pack's on one of its pairs, and excepted on the skin."""
    curated = rule(
        "opioid.pair.curated", "moderate", "class: opioid", "ingredient: [baclofen, warfarin]", UNLESS
    )
    alone = rule("digoxin.pair.curated", "major", "ingredient: digoxin", "ingredient: verapamil")
    packed = (
        rule("baclofen.pack.fentanyl", "major", "ingredient: baclofen", "ingredient: fentanyl")
        + rule("fentanyl.pack.warfarin", "major", "ingredient: fentanyl", "ingredient: warfarin")
        + rule("amiodarone.pack.fentanyl", "major", "ingredient: amiodarone", "ingredient: fentanyl")
    )
    (tmp_path / "sources.yaml").write_text(SOURCES, encoding="utf-8")
    (tmp_path / "own.rules.yaml").write_text(f"format: 1\nrules:\n{curated}{alone}", encoding="utf-8")
    (tmp_path / "pack.rules.yaml").write_text(
        f"format: 1\noutranked: true\nrules:\n{packed}", encoding="utf-8"
    )
    return tmp_path


def order(id: str, ingredient: str, **more: str) -> dict[str, object]:
    return {"id": id, "ingredients": [ingredient], "status": "active", "start": "2026-01-01", **more}


def fired(rules: Ruleset, *orders: dict[str, object]) -> dict[str, str | None]:
    """Rules that fire with what supersedes each, the same from every evaluator."""
    patient = Patient.model_validate({"id": "p1", "orders": list(orders)})
    found = []
    for evaluator in ("inprocess", "reference"):
        report = caveat.screen(patient, rules, as_of=DAY, evaluator=evaluator)
        found.append({f.rule.id: f.suppressed_by for f in report.findings if f.status.value == "fires"})
    rows = Columnar(rules, as_of=DAY).screen(to_batch([patient])).findings.to_pylist()
    found.append({r["rule"]: r["suppressed_by"] for r in rows if r["status"] == "fires"})
    assert found[0] == found[1] == found[2]
    return found[0]


def test_a_milder_curated_rule_outranks_the_pack(folder: Path) -> None:
    rules = load(folder, cache=False)
    assert fired(rules, order("o1", "baclofen"), order("o2", "fentanyl")) == {
        "opioid.pair.curated": None,
        "baclofen.pack.fentanyl": "opioid.pair.curated",
    }


def test_in_either_direction(folder: Path) -> None:
    rules = load(folder, cache=False)
    assert fired(rules, order("o1", "fentanyl"), order("o2", "warfarin")) == {
        "opioid.pair.curated": None,
        "fentanyl.pack.warfarin": "opioid.pair.curated",
    }


def test_only_on_the_same_pair(folder: Path) -> None:
    rules = load(folder, cache=False)
    found = fired(rules, order("o1", "baclofen"), order("o2", "fentanyl"), order("o3", "amiodarone"))
    assert found["amiodarone.pack.fentanyl"] is None
    assert found["baclofen.pack.fentanyl"] == "opioid.pair.curated"


def test_shown_where_the_curated_rule_does_not_alert(folder: Path) -> None:
    rules = load(folder, cache=False)
    skin = order("o2", "fentanyl", route="topical")
    assert fired(rules, order("o1", "baclofen"), skin) == {"baclofen.pack.fentanyl": None}


def test_shown_again_where_the_site_switches_the_curated_rule_off(folder: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "ward.yaml"
    overlay.write_text(
        "format: 1\nid: ward\ntitle: A ward\nowner: A committee\ndisabled:\n- {rule: opioid.pair.curated, "
        "reason: On trial., owner: B. Example, date: '2026-01-01'}\n",
        encoding="utf-8",
    )
    rules = load(folder, overlay=overlay, day=DAY, cache=False)
    assert fired(rules, order("o1", "baclofen"), order("o2", "fentanyl")) == {"baclofen.pack.fentanyl": None}


def test_nothing_changes_without_such_a_file(folder: Path) -> None:
    (folder / "pack.rules.yaml").unlink()
    rules = load(folder, cache=False)
    assert [r.supersedes for r in rules.program.rules] == [(), ()]


def test_a_file_that_is_not_outranked_is_not(folder: Path) -> None:
    file = folder / "pack.rules.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("outranked: true\n", ""), encoding="utf-8")
    rules = load(folder, cache=False)
    assert fired(rules, order("o1", "baclofen"), order("o2", "fentanyl"))["baclofen.pack.fentanyl"] is None
