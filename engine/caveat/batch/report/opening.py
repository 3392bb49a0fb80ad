"""The opening of the report: what was run, the three numbers, attrition, the source, key figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from caveat.batch.report.markup import Html, foreign, h
from caveat.batch.report.view import View
from caveat.batch.report.words import counted, fact, named, shape, size

MOST_REASONS: Final = 4
MOST_CODES: Final = 20
NAMES_SHOWN: Final = 25

MOST_INPUTS: Final = 10


def head(view: View, title: str, *, identifiers: bool) -> Html:
    """The title and what was run on what, when and with which rules; names of files can name patients."""
    run = view.facts.run
    inputs = (
        counted(len(run.inputs), "input") + f", {size(sum(n for _, n in run.inputs))}" if run.inputs else ""
    )
    if run.inputs and identifiers:
        inputs += ": " + ", ".join(foreign(path, 120) for path, _ in run.inputs[:MOST_INPUTS])
    pairs = [
        ("Screened as of", run.as_of),
        ("Run finished", run.finished.replace("T", " ").replace("Z", " UTC")),
        ("Source", " · ".join(part for part in (run.kind, inputs) if part)),
        ("Ruleset", " ".join(part for part in (run.version, run.digest) if part)),
        ("Policy", run.policy),
        ("Orders taken", run.selection),
        ("caveat", " · ".join(part for part in (run.caveat, run.evaluator) if part)),
    ]
    terms = [h("div", h("dt", name), h("dd", foreign(text, 400))) for name, text in pairs if text]
    return h("header", h("h1", foreign(title, 200)), h("dl", *terms, class_="run"))


def draft_notice(view: View) -> Html:
    """Who has reviewed the rules, and what the report is for."""
    statuses = view.facts.run.rule_statuses
    drafts, all_rules = statuses.get("draft", 0), view.facts.run.rules_checked
    if not statuses:
        lead = "The run does not say which rules were reviewed: take all as drafts."
    elif drafts:
        lead = f"Drafts until reviewed: no clinician has reviewed {drafts:,} of {counted(all_rules, 'rule')}."
    else:
        lead = f"All {counted(all_rules, 'rule')} have been reviewed."
    rest = (
        " The figures are for people who know the cohort to review. They are advice, not orders; caveat is "
        "not a medical device."
    )
    return h("p", h("strong", lead), rest, class_="notice")


def banner(view: View) -> Html:
    """Alerts, rules checked, and what could not be assessed with the reasons; then what that means."""
    left = view.unassessed
    alerts, rules = view.alerts, view.facts.run.rules_checked
    numbers = [
        h("li", h("b", alerts.text), " alert" if alerts.low == 1 else " alerts"),
        h("li", h("b", f"{rules:,}"), " rule checked" if rules == 1 else " rules checked"),
        h("li", h("b", left.text), " could not be assessed ", shape("open") if left.low else None),
    ]
    why = "; ".join(reasons(view))
    parts = [h("ul", *numbers)]
    if why:
        parts.append(h("p", f"Not assessed: {why}."))
    parts += [h("p", h("strong", text)) for text in meaning(view)]
    return h("section", *parts, class_="banner", aria_label="Summary")


def reasons(view: View) -> list[str]:
    """Why things could not be assessed, failures and rejected records first, then the most frequent."""
    facts = view.facts
    first = (
        [f"{counted(facts.patients.failed, 'check')} FAILED, review manually"]
        if facts.patients.failed
        else []
    )
    loud = facts.rejects.total - facts.rejects.harmless
    if loud:
        first.append(f"{counted(loud, 'item')} of the input set aside")
    counts = [
        (name.mentions, f"{named(name)} not recognised ({name.mentions:,})")
        for name in view.names
        if name.kind != "condition"
    ]
    conditions = facts.patients.unrecognised - facts.patients.unrecognised_drugs
    if conditions:
        counts.append((conditions, f"conditions not recognised ({conditions:,})"))
    counts += [(one.findings, f"{fact(one.fact)} missing ({one.findings:,})") for one in view.missing]
    unused = facts.patients.faults - facts.patients.failed
    if unused > 0:
        counts.append((unused, f"values not used ({unused:,})"))
    counts.sort(key=lambda pair: (-pair[0], pair[1]))
    found = first + [text for _, text in counts]
    if not found and view.unassessed.low:
        return [f"each reason concerns fewer than {view.small} patients"]
    more = len(found) - MOST_REASONS + view.names_hidden + view.missing_hidden
    return found[:MOST_REASONS] + ([f"and {counted(more, 'more reason')}"] if more > 0 and found else [])


def meaning(view: View) -> Iterator[str]:
    """What a reader must not take the three numbers for."""
    patients, rejects = view.facts.patients, view.facts.rejects
    if not view.screened:
        if rejects.records:
            records = counted(rejects.records, "record")
            yield f"{records} read, all rejected: nobody was screened, so nothing is known."
        else:
            yield "No patient was read, so nobody was screened. Check that the source holds what you expect."
        return
    if not view.alerts.low and view.alerts.exact:
        if view.unassessed.low:
            yield "No rule fired. That is no all-clear: what could not be assessed may hide alerts."
        else:
            yield "No rule fired, and nothing was left open. This speaks only of what these rules are about."
    if not (view.alerts.exact and view.open.exact):
        few = "So few patients are concerned that exact counts would point to them"
        yield f"{few}: below {view.small} none is shown."
    if patients.failed:
        yield "Some checks failed. Those patients need a review by hand."
    yield from (
        f"The files of this run disagree: {text}. Do not rely on it." for text in view.facts.disagreements
    )
