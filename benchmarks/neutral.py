"""Rules and patients that every engine can be given: ingredients and four numbers, nothing else.

A pair rule holds when both ingredients are taken; a threshold rule when its ingredient is taken and
a number is known and lies strictly below or above a limit. Half of the rules are of each kind. The
same description becomes rule text for caveat and whatever form suits each peer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from caveat.compile.ruleset import Ruleset, load
from caveat.facts.patient import Patient

AS_OF = "2026-01-15"
_DRAWN_ON = "2026-01-05"

UNITS = {"age": "a", "weight": "kg", "serum_creatinine": "mg/dL", "potassium": "mmol/L"}
FACTS = tuple(UNITS)
# Limits at the edges of what the patients below have, so that about one rule in five that is asked holds.
_LIMITS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "age": ((25, 30, 35), (75, 80, 85)),
    "weight": ((45, 50, 55), (95, 100, 110)),
    "serum_creatinine": ((0.5, 0.6, 0.7), (1.5, 1.8, 2)),
    "potassium": ((3.2, 3.5, 3.6), (5, 5.2, 5.5)),
}


class PairRule(NamedTuple):
    """Two ingredients that must not go together."""

    id: str
    first: str
    second: str


class ThresholdRule(NamedTuple):
    """An ingredient and a number that must not lie on one side of a limit."""

    id: str
    ingredient: str
    fact: str
    side: Literal["below", "above"]
    limit: float


NeutralRule = PairRule | ThresholdRule


@dataclass(frozen=True, slots=True)
class NeutralPatient:
    """What a patient takes, and the numbers that are known."""

    id: str
    ingredients: tuple[str, ...]
    numbers: tuple[tuple[str, float], ...]


def make_rules(count: int, ingredients: Sequence[str], seed: int = 1) -> tuple[NeutralRule, ...]:
    """`count` different rules; a shorter list is the start of a longer one with the same seed."""
    draw = random.Random(seed)
    names = sorted(ingredients)
    found: list[NeutralRule] = []
    seen: set[tuple[object, ...]] = set()
    while len(found) < count:
        rule_id = f"bench.neutral.r{len(found)}"
        rule: NeutralRule
        if len(found) % 2 == 0:
            first, second = sorted(draw.sample(names, 2))
            rule = PairRule(rule_id, first, second)
        else:
            fact = draw.choice(FACTS)
            side: Literal["below", "above"] = draw.choice(("below", "above"))
            limit = draw.choice(_LIMITS[fact][0 if side == "below" else 1])
            rule = ThresholdRule(rule_id, draw.choice(names), fact, side, limit)
        if rule[1:] not in seen:
            seen.add(rule[1:])
            found.append(rule)
    return tuple(found)


def make_patients(count: int, ingredients: Sequence[str], seed: int = 2) -> tuple[NeutralPatient, ...]:
    """`count` patients with 4 to 12 ingredients each; one number in ten is not known, the age always is."""
    draw = random.Random(seed)
    names = sorted(ingredients)
    found = []
    for index in range(count):
        taken = tuple(draw.sample(names, draw.randint(4, min(12, len(names)))))
        drawn = {
            "age": float(draw.randint(18, 95)),
            "weight": round(max(35, draw.gauss(76, 16)), 1),
            "serum_creatinine": round(max(0.3, draw.gauss(1.1, 0.45)), 2),
            "potassium": round(max(2, draw.gauss(4.3, 0.6)), 1),
        }
        known = tuple((k, v) for k, v in drawn.items() if k == "age" or draw.random() >= 0.1)
        found.append(NeutralPatient(f"n{index}", taken, known))
    return tuple(found)


def as_patient(neutral: NeutralPatient) -> Patient:
    """The same patient as caveat reads it: active orders by ingredient, dated observations."""
    numbers = dict(neutral.numbers)
    return Patient.model_validate(
        {
            "id": neutral.id,
            "age": f"{numbers['age']:g} a",
            "sex": "female",
            "orders": [
                {"id": f"o{i}", "ingredients": [name], "status": "active", "start": "2025-06-01"}
                for i, name in enumerate(neutral.ingredients)
            ],
            "conditions": [],
            "allergies": [],
            "observations": [
                {"concept": fact, "value": f"{value:g} {UNITS[fact]}", "at": _DRAWN_ON}
                for fact, value in numbers.items()
                if fact != "age"
            ],
        }
    )


_SOURCES = """format: 1
sources:
- {id: bench.none, publisher: none, title: Drawn at random for measuring, version: "1", licence: none,
   retrieved: 2026-01-15, kind: dataset}
"""
_RULE = """- id: {id}
  kind: {kind}
  severity: moderate
  status: draft
  title: Drawn at random
  applies_to:
    {scope}
  when:
    {when}
  alert: {{summary: Drawn at random, consequence: None., action: None.}}
  evidence:
  - {{source: bench.none, section: none, says: Nothing., checked: 2026-01-15}}
"""


def rule_text(rules: Sequence[NeutralRule]) -> str:
    """The rules as caveat's rule text."""
    parts = ["format: 1\nrules:\n"]
    for rule in rules:
        if isinstance(rule, PairRule):
            scope = f"pair: {{order: {{ingredient: {rule.first}}}, with: {{ingredient: {rule.second}}}}}"
            parts.append(_RULE.format(id=rule.id, kind="interaction", scope=scope, when="always: true"))
        else:
            scope = f"order: {{ingredient: {rule.ingredient}}}"
            when = f"{rule.fact}: {{{rule.side}: {rule.limit:g} {UNITS[rule.fact]}}}"
            parts.append(_RULE.format(id=rule.id, kind="precaution", scope=scope, when=when))
    return "".join(parts)


def load_rules(rules: Sequence[NeutralRule], folder: Path) -> Ruleset:
    """The rules written to a new folder below `folder` and loaded as any ruleset is, without the cache."""
    place = folder / f"rules-{len(rules)}-{rules[0].id}"
    place.mkdir(parents=True)
    (place / "sources.yaml").write_text(_SOURCES, encoding="utf-8")
    (place / "bench.rules.yaml").write_text(rule_text(rules), encoding="utf-8")
    return load(place, cache=False)
