"""One finding as text, in the order people need: level, medicines, harm, what to do, why, what changes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from caveat.findings.basis import Missing
from caveat.findings.report import Finding
from caveat.render.clean import clean
from caveat.render.lines import Line, line, paragraph
from caveat.render.products import Product, products, products_of
from caveat.render.view import View
from caveat.render.words import SHORT, basis_words, fact_words, joined, missing_briefly, missing_words

MOST = 2
"""Bullets under a heading, unless more was asked for."""
MOST_FACTS = 6


def alert_lines(finding: Finding, view: View) -> list[Line]:
    """An alert in full."""
    rule, width = finding.rule, view.width
    lines = head(finding, view)
    lines += paragraph("", clean(finding.summary), width, role="head")
    lines += medicines(products(finding), view)
    lines += paragraph("What can happen", clean(finding.text("consequence") or "", 2000), width)
    lines += paragraph("Do this", clean(finding.text("action") or "", 2000), width, role="head")
    lines += paragraph("Monitor", clean(finding.text("monitoring") or "", 2000), width)
    if view.verbose:
        lines += paragraph("Tell the patient", clean(finding.text("advice") or "", 2000), width)
    lines += _because(finding, view)
    lines += bullets("Would change it", would_change(finding), view)
    lines += _knowledge(rule, view)
    lines += bullets("Source", [citation(e, view) for e in rule.evidence], view)
    if view.verbose:
        lines += _identity(finding, view)
    return lines


def medicines(found: Iterable[Product], view: View) -> list[Line]:
    """The medicines of a finding: a line each, or where there are more than two in one paragraph."""
    shown = [product_words(product) for product in found]
    if len(shown) <= MOST or view.verbose:
        return bullets("Medicines", shown, view)
    return paragraph("Medicines", joined(shown, MOST_FACTS), view.width)


def _because(finding: Finding, view: View) -> list[Line]:
    """The deciding facts: in one paragraph, or a line each when more was asked for."""
    facts = [basis_words(b) for b in finding.because]
    if view.verbose:
        return bullets("Because", facts, view)
    return paragraph("Because", joined(facts, MOST_FACTS), view.width)


def head(finding: Finding, view: View) -> list[Line]:
    """Shape and word of the level, the rule, and that it is a draft where it is one."""
    rule = finding.rule
    status = "" if rule.status == "active" else f" · {rule.status} rule"
    return _headed(view.mark(rule.severity), rule.severity, rule.id + status, view)


def _headed(mark: str, role: str, rule: str, view: View) -> list[Line]:
    """On one line where it fits, else on two."""
    if len(mark) + 2 + len(rule) <= view.width:
        return [line((mark, role), "  ", (rule, "dim"))]
    return [line((mark, role)), *paragraph("", rule, view.width, role="dim")]


def product_words(product: Product) -> str:
    """The ingredients and the product they came from: "baclofen (Lioresal 10 mg tablet)"."""
    ingredients, name = " + ".join(product.ingredients), clean(product.name)
    if ingredients.casefold() == name.casefold():
        return ingredients
    return f"{ingredients} ({name})" if ingredients else name


def would_change(finding: Finding) -> list[str]:
    """Exceptions that could not be checked, with what is missing."""
    found = []
    for unchecked in finding.unchecked:
        why = "; ".join(missing_words(m) for m in unchecked.missing) or "not known"
        reason = f". It would excuse this because: {clean(unchecked.because)}" if unchecked.because else ""
        found.append(f"exception not checked: {unchecked.id.replace('-', ' ')} ({why}){reason}")
    return found


def citation(evidence: Any, view: View) -> str:
    """The reference, the section, and when it was checked."""
    reference = view.sources.get(evidence.source, evidence.source)
    says = f" “{evidence.says}”" if view.verbose else ""
    level = f", evidence {evidence.level}" if evidence.level else ""
    return clean(f"{reference} ({evidence.section}; checked {evidence.checked}{level}){says}", 2000)


def _knowledge(rule: Any, view: View) -> list[Line]:
    """Mechanism and frequencies of an interaction; what is not known is said when more was asked for."""
    lines: list[Line] = []
    for name, value in rule.interaction:
        if value and (view.verbose or (value != "unknown" and name in ("mechanism", "frequency_of_harm"))):
            lines += paragraph(fact_words(name).capitalize()[:17], clean(value, 2000), view.width)
    if view.verbose:
        for name in ("onset", "confidence"):
            lines += paragraph(name.capitalize(), str(getattr(rule, name, None) or "unknown"), view.width)
    return lines


def _identity(finding: Finding, view: View) -> list[Line]:
    lines = paragraph("Judged for", subject_words(finding), view.width)
    lines += paragraph("Carries", ", ".join(finding.rule.covers), view.width)
    lines += paragraph("Tier", f"{finding.tier} (site policy)", view.width)
    return lines + paragraph("Alert id", finding.id, view.width)


def subject_words(finding: Finding) -> str:
    """Orders and allergy by id."""
    parts = [f"order {clean(o, 60)}" for o in finding.orders]
    parts += [f"allergy {clean(a, 60)}" for a in finding.allergies]
    return ", ".join(parts) or "the patient"


def bullets(label: str, items: list[str], view: View) -> list[Line]:
    """At most two items, the label before the first; all of them when more was asked for."""
    lines: list[Line] = []
    shown = items if view.verbose else items[:MOST]
    for index, item in enumerate(shown):
        lines += paragraph(label if index == 0 else "", item, view.width)
    if len(items) > len(shown):
        lines += paragraph("", f"and {len(items) - len(shown)} more (-v shows them)", view.width, role="dim")
    return lines


def open_groups(findings: Iterable[Finding], view: View) -> Iterator[list[Line]]:
    """What could not be assessed, the rules that lack the same put together, the gravest first.

    Every rule has its line. When more was asked for, each is shown in full instead.
    """
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        if view.verbose:
            yield open_lines(finding, view)
            continue
        lacks = tuple(dict.fromkeys(missing_briefly(m) for m in finding.missing))
        groups.setdefault((lacks, finding.orders, finding.allergies), []).append(finding)
    for members in groups.values():
        yield _open_group(members, view)


def _open_group(members: list[Finding], view: View) -> list[Line]:
    missing = tuple(m for finding in members for m in finding.missing)
    briefly = list(dict.fromkeys(missing_briefly(m) for m in missing))
    lines = [line((view.mark("open"), "open"))]
    lines += medicines(products_of(members), view)
    lines += paragraph("Missing", "; ".join(briefly), view.width, role="head")
    lines += paragraph("Would decide it", ", ".join(deciders(missing)), view.width)
    for finding in members:
        lines += paragraph(
            f"? {SHORT[finding.severity]}", f"{clean(finding.rule.title)} · {finding.rule.id}", view.width
        )
    return lines


def open_lines(finding: Finding, view: View) -> list[Line]:
    """One rule that could not be assessed, in full: what is missing, and what would decide it."""
    rule = finding.rule
    lines = _headed(view.mark("open"), "open", f"{rule.id} · {SHORT[rule.severity]} if it holds", view)
    lines += paragraph("", clean(rule.title), view.width, role="head")
    lines += medicines(products(finding), view)
    lines += bullets("Missing", [missing_words(m) for m in finding.missing], view)
    lines += paragraph("Would decide it", ", ".join(deciders(finding.missing)), view.width)
    lines += bullets("Known", [basis_words(b) for b in finding.because], view)
    lines += bullets("Would change it", would_change(finding), view)
    lines += paragraph("If it holds", clean(finding.text("action") or "", 2000), view.width)
    lines += bullets("Source", [citation(e, view) for e in rule.evidence], view)
    return lines + _identity(finding, view)


def deciders(missing: tuple[Missing, ...]) -> list[str]:
    """The facts to record, in words, where they are others than the missing ones themselves."""
    return list(dict.fromkeys(fact_words(name) for m in missing for name in m.inputs if name != m.fact))
