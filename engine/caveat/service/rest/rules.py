"""The rules that are served, as plain data: a list that can be filtered, and one rule whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from caveat.authoring.english import outline, subject_words
from caveat.compile import nodes
from caveat.compile.program import CompiledRule
from caveat.compile.serial import canonical
from caveat.errors import CaveatError
from caveat.findings.severity import SEVERITIES
from caveat.service.live import Live
from caveat.service.problems import Fault, Refused

KINDS: Final = (
    "contraindication",
    "precaution",
    "interaction",
    "dosing",
    "duplicate",
    "allergy",
    "monitoring",
    "adverse-reaction",
    "discontinuation",
    "indication",
)
STATUSES: Final = ("draft", "reviewed", "active", "retired")
LONGEST: Final = 200
"""Characters of a name that are looked at; no rule has a longer id."""
MOST: Final = 500
USUAL: Final = 100
CHOICES: Final = {"kind": KINDS, "severity": SEVERITIES, "status": STATUSES}


def listed(live: Live, wanted: dict[str, str], *, after: str = "", limit: int = USUAL) -> dict[str, Any]:
    """One page of the rules that fit, by id; `next` is the `after` of the page that follows, or null.

    `wanted` may hold `ingredient`, `kind`, `severity` and `status`. A page depends on nothing but the
    rules and its parameters, so that pages neither overlap nor leave gaps.
    """
    fitting = sorted((r for r in live.rules.program.rules if _fits(r, wanted)), key=lambda r: r.id)
    page = [rule for rule in fitting if rule.id > after]
    shown = page[:limit]
    return {
        "ruleset": ruleset(live),
        "total": len(fitting),
        "rules": [heading(rule, live) for rule in shown],
        "next": shown[-1].id if len(page) > limit else None,
        "disabled": disabled(live),
    }


def disabled(live: Live) -> list[dict[str, Any]]:
    """The rules that the site's overlay has switched off."""
    return [
        {
            "rule": change.rule,
            "title": change.title,
            "severity": change.severity,
            "reason": change.reason,
            "owner": change.owner,
            "date": change.date,
            "until": change.until,
        }
        for change in live.rules.changes
        if change.kind == "disabled" and not change.over
    ]


def ruleset(live: Live) -> dict[str, Any]:
    """Which rules are served."""
    return {
        "version": live.rules.version,
        "digest": live.rules.digest,
        "policy": live.rules.policy,
        "rules": len(live.rules.program.rules),
    }


def heading(rule: CompiledRule, live: Live) -> dict[str, Any]:
    """What a list says of a rule. `digest` changes when anything about the rule does."""
    return {
        "id": rule.id,
        "title": rule.title,
        "kind": rule.kind,
        "severity": rule.severity,
        "tier": live.rules.tier(rule.id, rule.severity),
        "status": rule.status,
        "covers": list(rule.covers),
        "drugs": sorted({*rule.first, *rule.second}),
        "digest": "sha256:" + hashlib.sha256(canonical("", (rule,))).hexdigest(),
    }


def whole(name: str, live: Live) -> dict[str, Any]:
    """Everything about one rule, its conditions in words. Raises Refused (404) with close names."""
    from caveat.authoring.explain import find_rule

    try:
        rule = find_rule(live.rules.program, name[:LONGEST])
    except CaveatError as error:
        for off in disabled(live):
            if off["rule"] == name:
                why = f"switched off at this site by {off['owner']} since {off['date']}: {off['reason']}"
                raise Refused(404, "this rule is switched off", (Fault("rule-disabled", why),)) from None
        raise Refused(404, "there is no such rule", (Fault("unknown-rule", str(error)),)) from None
    words = live.rules.terminology
    return {
        **heading(rule, live),
        "ruleset": ruleset(live),
        "subject": rule.subject,
        "judged": subject_words(rule, words),
        "first": list(rule.first),
        "second": list(rule.second),
        "when": list(outline(rule.when, words, 0, rule.scopes)),
        "unless": [
            {"id": one.id, "because": one.because, "when": list(outline(one.node, words, 0, rule.scopes))}
            for one in rule.unless
        ],
        "supersedes": list(rule.supersedes),
        "texts": {
            "summary": rule.texts.summary,
            "consequence": rule.texts.consequence,
            "action": rule.texts.action,
            "monitoring": rule.texts.monitoring,
            "advice": rule.texts.advice,
        },
        "onset": rule.onset,
        "confidence": rule.confidence,
        "interaction": dict(rule.interaction) or None,
        "suggestions": [
            {
                "id": one.id,
                "kind": one.kind,
                "label": one.label,
                "dose": one.dose,
                "frequency": one.frequency,
                "ingredient": one.ingredient,
            }
            for one in rule.suggestions
        ],
        "needs": list(needs(rule)),
        "evidence": [
            {
                "source": one.source,
                "section": one.section,
                "says": one.says,
                "checked": one.checked,
                "level": one.level,
                "reference": live.sources.get(one.source),
            }
            for one in rule.evidence
        ],
    }


def needs(rule: CompiledRule) -> tuple[str, ...]:
    """The facts that the rule asks for, by name: `creatinine_clearance`, `order.dose`, `conditions`."""
    found: dict[str, None] = {"orders": None} if rule.first or rule.of_any else {}
    if rule.subject == "allergy":
        found["allergies"] = None
    for leaf in rule.leaves():
        found.update(dict.fromkeys(_asked(leaf)))
    return tuple(found)


def _asked(leaf: nodes.Leaf) -> Iterable[str]:
    match leaf:
        case nodes.NumberLeaf() | nodes.KnownLeaf() | nodes.ChoiceLeaf():
            return (leaf.fact,)
        case nodes.OrderNumberLeaf() | nodes.OrderIsLeaf():
            return (f"order.{leaf.prop}",)
        case nodes.DoseMultipleLeaf():
            return ("order.dose",)
        case nodes.IndicationLeaf():
            return ("order.indication",)
        case nodes.ConditionLeaf():
            return ("conditions",)
        case nodes.AllergyLeaf():
            return ("allergies",)
        case nodes.CountLeaf() | nodes.SumLeaf() | nodes.ExposureLeaf():
            return ("orders",)
        case nodes.Always():
            return ()


def _fits(rule: CompiledRule, wanted: dict[str, str]) -> bool:
    ingredient = wanted.get("ingredient")
    named = (*rule.first, *rule.second)
    if ingredient is not None and not rule.of_any and ingredient.lower() not in named:
        return False
    return all(getattr(rule, name) == wanted[name] for name in CHOICES if name in wanted)
