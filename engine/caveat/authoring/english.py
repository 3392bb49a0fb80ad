"""Any rule read back in plain English, from what was compiled and not from what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from caveat.authoring.phrases import Scopes, ingredients, phrase
from caveat.compile.nodes import All, AnyOf, AtLeast, Node
from caveat.compile.program import CompiledRule
from caveat.render.words import GRADES
from caveat.terminology.concepts import Terminology

_STATUS = {
    "draft": "draft: no site has reviewed it",
    "reviewed": "reviewed, not yet active",
    "active": "active",
    "retired": "retired",
}


def rule_in_english(
    rule: CompiledRule, terminology: Terminology, sources: Mapping[str, str] | None = None
) -> str:
    """The rule as text: for whom it is judged, when it alerts, what excuses it, what it says, its evidence.

    `sources` maps the ids of the bibliography to full citations.
    """
    lines = [f"{rule.id}", f"  {rule.title}", ""]
    lines.append(f"  {rule.kind.capitalize()}, {rule.severity} ({GRADES[rule.severity].word.lower()}).")
    lines.append(f"  Status {_STATUS[rule.status]}. Confidence {rule.confidence}.")
    if rule.covers:
        lines.append(f"  Carries {', '.join(rule.covers)}.")
    lines += ["", f"Judged {subject_words(rule, terminology)}.", "", *_when(rule, terminology)]
    if rule.unless:
        lines += ["", "It is excused, for that same subject, when"]
        for index, exclusion in enumerate(rule.unless):
            if index:
                lines.append("  or when")
            lines += [f"  {text}" for text in outline(exclusion.node, terminology, 0, rule.scopes)]
            lines.append(f"    ({exclusion.id}) because {_lower(exclusion.because)}")
    if rule.supersedes:
        names = ", ".join(rule.supersedes)
        lines += ["", f"When it alerts, these are not shown for the same orders: {names}"]
    return "\n".join([*lines, "", *_texts(rule), "", *_evidence(rule, sources or {})]) + "\n"


def subject_words(rule: CompiledRule, terminology: Terminology) -> str:
    """For whom the rule is judged."""
    first = ingredients(rule.first, terminology) if rule.first else _any_order(rule, terminology)
    second = ingredients(rule.second, terminology) if rule.second else ""
    if rule.subject == "order":
        return f"once for each current order of {first}"
    if rule.subject == "stopped":
        return f"once for each order of {first} that has ended"
    if rule.subject == "pair" and rule.share == "ingredient":
        return f"once for each two current orders that overlap in time and share an ingredient: {first}"
    if rule.subject == "pair" and rule.share == "none":
        both = f"one of {first}, the other of {second}"
        return f"once for each two current orders that overlap in time and share none of these, {both}"
    if rule.subject == "pair":
        return f"once for each two current orders that overlap in time, one of {first}, the other of {second}"
    if rule.subject == "allergy":
        wider = f" or to {second}" if second else ""
        return f"once for each current order of {first} and each recorded allergy to its ingredient{wider}"
    return f"once for a patient who takes {first}" if first else "once for every patient"


def _any_order(rule: CompiledRule, terminology: Terminology) -> str:
    """What a scope of every order is in words; nothing for a rule on every patient."""
    if not rule.of_any:
        return ""
    return "any medicine" + (f" but {ingredients(rule.left_out, terminology)}" if rule.left_out else "")


def outline(node: Node, terminology: Terminology, depth: int = 0, scopes: Scopes = ((), ())) -> Iterator[str]:
    """A condition as an indented list, one clause a line."""
    group = isinstance(node, (All, AnyOf, AtLeast))
    yield f"{'  ' * depth}- {phrase(node, terminology, scopes)}{':' if group else ''}"
    if isinstance(node, (All, AnyOf, AtLeast)):
        for part in node.parts:
            yield from outline(part, terminology, depth + 1, scopes)


def _when(rule: CompiledRule, terminology: Terminology) -> list[str]:
    if phrase(rule.when, terminology) == "always":
        return ["It alerts for every such subject."]
    return ["It alerts when", *(f"  {text}" for text in outline(rule.when, terminology, 0, rule.scopes))]


def _texts(rule: CompiledRule) -> list[str]:
    texts = rule.texts
    found = [
        ("Alert", texts.summary),
        ("What can happen", texts.consequence),
        ("Do this", texts.action),
        ("Monitor", texts.monitoring),
        ("Tell the patient", texts.advice),
        *(("Suggests", one.label) for one in rule.suggestions),
        ("Onset", rule.onset),
        *((name.replace("_", " ").capitalize(), value) for name, value in rule.interaction),
    ]
    return [f"{label}: {text}" for label, text in found if text]


def _evidence(rule: CompiledRule, sources: Mapping[str, str]) -> list[str]:
    lines = ["Evidence"]
    for item in rule.evidence:
        level = f", level {item.level}" if item.level else ""
        lines.append(f"  {item.says}")
        reference = sources.get(item.source, item.source)
        lines.append(f"    {reference} ({item.section}; checked {item.checked}{level})")
    return lines


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
