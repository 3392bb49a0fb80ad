"""A placeholder in an alert text that nothing fills: the patient's value would read "not recorded"."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.evaluators.texts import CHOICE_TEXTS, ORDER_TEXTS, PLACEHOLDER, sums_of
from caveat.facts.catalog import CHOICES, ORDER_NUMBERS, number_fact, number_names
from caveat.rules.diagnostics import Diagnostic, Level, did_you_mean
from caveat.terminology.concepts import Terminology

CODE: tuple[str, Level] = ("C052", "error")
TITLE = "unknown placeholder"
TEXTS = ("summary", "consequence", "action", "monitoring", "advice")


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each placeholder that is no fact, or no part of the rule's subject, and each stray brace."""
    for rule in folder.rules:
        for name in TEXTS:
            text = getattr(rule.compiled.texts, name)
            if not text:
                continue
            place = rule.placed.place("alert", name)
            for found in PLACEHOLDER.findall(text):
                inner = found.strip()
                if inner == "limit" and rule.compiled.limits:
                    continue
                if inner == "total" and len(sums_of(rule.compiled.when)) == 1:
                    continue
                why = problem(inner, rule.compiled.subject, folder.terminology)
                if why:
                    hint = did_you_mean(inner, names(rule.compiled.subject, folder.terminology))
                    yield finding(CODE, f"unknown placeholder {{{inner}}}", place, why, hint, rule=rule.id)
            if set(PLACEHOLDER.sub("", text)) & set("{}"):
                why = "A brace opens or closes alone, and would be printed."
                yield finding(
                    CODE, "brace without its pair", place, why, "Write {fact} with both.", rule=rule.id
                )


def names(subject: str, terminology: Terminology) -> tuple[str, ...]:
    """Every placeholder that a rule of that subject may use, without `half:`."""
    found = [*number_names(terminology), *CHOICE_TEXTS, *(n for n in CHOICES if n.startswith("context."))]
    if subject != "patient":
        found += [f"order.{name}" for name in ORDER_TEXTS]
    if subject == "pair":
        found += [f"other.{name}" for name in ORDER_TEXTS]
    if subject == "allergy":
        found.append("allergy.name")
    return tuple(found)


def problem(name: str, subject: str, terminology: Terminology) -> str:
    """Why a placeholder cannot be filled; empty when it can."""
    half = name.startswith("half:")
    inner = name.removeprefix("half:")
    owner, _, prop = inner.partition(".")
    if half and not (prop in ORDER_NUMBERS or number_fact(inner, terminology)):
        return f"{inner} is no quantity that can be halved."
    if inner in names(subject, terminology) or number_fact(inner, terminology) is not None:
        return ""
    if owner == "other" and prop in ORDER_TEXTS:
        return "`other` is the second order of a pair, and this rule judges none."
    if owner == "order" and prop in ORDER_TEXTS:
        return "A patient rule judges no single order."
    if inner == "total":
        return "It is the sum of the condition, and this one makes none or several."
    if inner == "allergy.name":
        return "This rule judges no allergy."
    return "It is neither a fact of the patient nor a property of the order."


CHECK = Check(*CODE, TITLE, run)
