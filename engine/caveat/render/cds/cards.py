"""A report as CDS Hooks cards: pure, and the same for the same evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from caveat.findings.reasons import REASONS, SYSTEM, reasons_for
from caveat.findings.report import Finding, Report
from caveat.findings.severity import RANK, Status
from caveat.render.cds.about import SILENT, Split, about_card, folded_card, overdue_card, overridden_card
from caveat.render.cds.detail import HARD_STOP, alert_detail, open_detail
from caveat.render.cds.grade import indicator, source, summary_of
from caveat.render.cds.ids import card_id
from caveat.render.cds.suggestions import suggestions
from caveat.render.cds.view import CardView


@dataclass(frozen=True, slots=True)
class Dealt:
    """The cards in the order to show them, each with the findings that it shows."""

    pairs: tuple[tuple[dict[str, Any], tuple[Finding, ...]], ...]

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The cards alone."""
        return [card for card, _ in self.pairs]

    @property
    def card_of(self) -> dict[str, str]:
        """By the id of each finding that is shown, counted or named: the uuid of the card that does so."""
        return {finding.id: card["uuid"] for card, findings in self.pairs for finding in findings}


def cards(report: Report, view: CardView) -> list[dict[str, Any]]:
    """The cards of a report, the gravest first; none only for a clear report with nothing to say.

    Every alert that the site shows has a card, as has what could not be assessed, recognised or
    done; what is overridden, kept quiet or shown before is counted and named. At most `view.most`.
    """
    return dealt(report, view).cards


def dealt(report: Report, view: CardView) -> Dealt:
    """The cards, and which of them shows which finding."""
    split = split_of(report, view)
    most = max(1, view.most)
    made: list[tuple[dict[str, Any], tuple[Finding, ...]]] = []
    used: set[str] = set()
    for finding in split.own:
        full = len(made) < most
        card = _alert(finding, report, view, used) if full else _brief(finding, finding.severity, view)
        made.append((card, (finding,)))
    one_each = view.cannot_assess == "cards"
    for finding in split.opened if one_each else ():
        full = len(made) < most
        card = _open(finding, report, view, used) if full else _brief(finding, "open", view)
        made.append((card, (finding,)))
    together = () if one_each else split.opened
    about = about_card(report, split, together, view)
    if about is not None:
        failed = about["source"]["topic"]["code"] == "check-failed"
        made.insert(0 if failed else len(made), (about, (*together, *split.silent, *split.silent_open)))
    if split.overridden:
        made.append((overridden_card(split.overridden, view), split.overridden))
    if view.notices:
        made.append((overdue_card(view), ()))
    if len(made) > most:
        rest = made[most - 1 :]
        folded = folded_card([card for card, _ in rest], view)
        made = [*made[: most - 1], (folded, tuple(f for _, of in rest for f in of))]
    return Dealt(tuple(made))


def split_of(report: Report, view: CardView) -> Split:
    """Where each finding is shown.

    An override moves an alert to the card of overridden ones, but never a contraindication and never
    a hard stop. What could not be assessed is never moved. A contraindication that another alert
    supersedes is shown when that other has no card of its own.
    """
    if report.is_clear:
        return Split()
    alerts, opened = report.alerts, report.cannot_assess
    shown = [f for f in alerts if f.tier != SILENT]
    past = view.overridden
    moved = [f for f in shown if may_be_overridden(f) and f.id in past] if past else []
    own = [f for f in shown if all(f is not one for one in moved)]
    cards_of = {f.rule.id for f in own}
    covered = [f for f in report.suppressed if f.suppressed_by not in cards_of]
    bared = [f for f in covered if f.status is Status.FIRES and f.tier != SILENT and is_contraindication(f)]
    return Split(
        own=tuple(sorted((*own, *bared), key=lambda f: RANK[f.severity])) if bared else tuple(own),
        overridden=tuple(moved),
        opened=tuple(f for f in opened if f.tier != SILENT),
        silent=tuple(f for f in alerts if f.tier == SILENT),
        silent_open=tuple(f for f in opened if f.tier == SILENT),
        covered=tuple(f for f in covered if all(f is not one for one in bared)),
    )


def may_be_overridden(finding: Finding) -> bool:
    """Whether an override keeps this alert from being shown in full again."""
    return not is_contraindication(finding) and finding.tier != HARD_STOP


def is_contraindication(finding: Finding) -> bool:
    """Whether no history may take the alert away, by the kind of its rule or its severity."""
    return finding.severity == "contraindicated" or finding.rule.kind == "contraindication"


def _alert(finding: Finding, report: Report, view: CardView, used: set[str]) -> dict[str, Any]:
    card: dict[str, Any] = {
        "uuid": _uuid(finding, view, used),
        "summary": summary_of(finding),
        "indicator": indicator(finding.severity, view),
        "detail": alert_detail(finding, report, view),
        "source": source(finding.rule.kind, view),
    }
    if found := suggestions(finding, report, view, card["uuid"]):
        card["suggestions"] = found
        card["selectionBehavior"] = "at-most-one"
    if reasons := override_reasons(finding):
        card["overrideReasons"] = reasons
    return card


def override_reasons(finding: Finding) -> list[dict[str, str]]:
    """The reasons offered for going on, of the kind of the rule, at most six."""
    if finding.rule.kind not in REASONS:
        return []
    return [
        {"code": reason.code, "system": SYSTEM, "display": reason.display}
        for reason in reasons_for(finding.rule.kind)
        if reason.category == "override"
    ]


def _open(finding: Finding, report: Report, view: CardView, used: set[str]) -> dict[str, Any]:
    return {
        "uuid": _uuid(finding, view, used),
        "summary": summary_of(finding, "open"),
        "indicator": indicator("open", view),
        "detail": open_detail(finding, report, view),
        "source": source("cannot-assess", view),
    }


def _brief(finding: Finding, level: str, view: CardView) -> dict[str, Any]:
    """What is listed of a finding past the most cards: never a card of its own."""
    return {
        "summary": summary_of(finding, "open" if level == "open" else ""),
        "indicator": indicator(level, view),
        "source": source(finding.rule.kind, view),
    }


def _uuid(finding: Finding, view: CardView, used: set[str]) -> str:
    """The card's id; a second card of the very same finding has another."""
    found, count = card_id(view.base, finding.id), 1
    while found in used:
        count += 1
        found = card_id(view.base, f"{finding.id}#{count}")
    used.add(found)
    return found
