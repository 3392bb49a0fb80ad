"""An explanation as a tree for people, and as plain data for programs."""

from __future__ import annotations

from typing import Any

from caveat.authoring.explain import Explanation, OrderSeen, SubjectExplained
from caveat.authoring.phrases import phrase
from caveat.evaluators.reference import Trace
from caveat.findings.basis import Basis, Missing
from caveat.findings.severity import Status
from caveat.render.clean import clean
from caveat.render.words import basis_words, fact_words, missing_words
from caveat.terminology.concepts import Terminology
from caveat.truth import FALSE, NAMES, TRUE, UNKNOWN

_VERDICTS = {
    Status.FIRES: "fires",
    Status.CANNOT_ASSESS: "cannot be assessed",
    Status.EXCEPTED: "excused by an exception",
    Status.NOT_MET: "not met",
    Status.ERROR: "failed: review manually",
    Status.OUT_OF_SCOPE: "out of scope",
}


def explanation_text(found: Explanation, terminology: Terminology) -> str:
    """The explanation as text: the orders as understood, then every subject with its tree and verdict."""
    rule = found.rule
    lines = [f"{rule.id} ({rule.severity}, {rule.status})", f"  {rule.title}"]
    lines += [f"Patient {clean(found.patient)} · as of {found.as_of}", "", "Orders of the record"]
    lines += [f"  {_order(seen)}" for seen in found.orders] or ["  none"]
    if not found.subjects:
        lines += ["", f"Verdict: out of scope: {found.out_of_scope}."]
        unknown = [seen for seen in found.orders if seen.unrecognised]
        if unknown:
            names = ", ".join(f'"{clean(seen.name, 60)}"' for seen in unknown)
            lines.append(f"  Not recognised, so whether the rule is about it is not known: {names}")
    for subject in found.subjects:
        lines += ["", *_subject(subject, terminology)]
    return "\n".join(lines) + "\n"


def _order(seen: OrderSeen) -> str:
    name = clean(seen.name, 80)
    what = " + ".join(seen.ingredients)
    parts = [f"{clean(seen.id, 40)}  {name}" + (f" = {what}, {seen.how}" if what else f": {seen.how}")]
    parts.append(seen.counts)
    parts.append("in scope" if seen.in_scope else "not in scope")
    if seen.unrecognised and seen.candidates:
        parts.append(f"did you mean {' or '.join(clean(c, 40) for c in seen.candidates[:3])}?")
    return " · ".join(parts)


def _subject(subject: SubjectExplained, terminology: Terminology) -> list[str]:
    judged = subject.judgement
    outcome = judged.outcome
    lines = [f"Judged for {subject_name(subject)}", f"  Verdict: {verdict(subject)}"]
    if not outcome.subject.listed:
        lines.append("  UNKNOWN  no allergy list is recorded")
    if judged.overlaps == UNKNOWN:
        lines.append("  UNKNOWN  the dates of the two orders do not say whether they overlap")
    if judged.when is not None:
        lines.append(f"  when: {NAMES[judged.when.truth].upper()}")
        lines += tree(judged.when, terminology, 2)
    for exclusion, trace in zip(outcome.rule.unless, judged.unless, strict=False):
        lines.append(f"  unless {exclusion.id}: {NAMES[trace.truth].upper()}")
        lines += tree(trace, terminology, 2)
        lines.append(f"      because {exclusion.because}")
    if outcome.status in (Status.FIRES, Status.CANNOT_ASSESS):
        lines.append(f"  alert: {clean(subject.summary)}")
    return lines


def subject_name(subject: SubjectExplained) -> str:
    """The orders and the allergy it was judged for, with their names."""
    judged = subject.judgement.outcome.subject
    parts = [f"order {clean(view.order.id, 40)} ({clean(view.name, 80)})" for view in judged.orders]
    if judged.allergy is not None:
        parts.append(f"allergy {clean(judged.allergy.id, 40)} ({clean(judged.allergy.name, 80)})")
    return " and ".join(parts) or "the patient"


def verdict(subject: SubjectExplained) -> str:
    """The verdict in words, with what it hangs on."""
    outcome = subject.judgement.outcome
    text = _VERDICTS[outcome.status]
    if outcome.error:
        return f"{text} ({clean(outcome.error)})"
    if outcome.exceptions:
        text += f" ({', '.join(outcome.exceptions)})"
    if outcome.unchecked:
        text += f", exception not checked: {', '.join(u.id for u in outcome.unchecked)}"
    if subject.suppressed_by:
        text += f", suppressed by {subject.suppressed_by}"
    return text


def tree(found: Trace, terminology: Terminology, depth: int) -> list[str]:
    """A line a clause with its truth; under each leaf the values it rests on and what is missing."""
    lead = "  " * depth
    lines = [f"{lead}{NAMES[found.truth].upper():<8} {phrase(found.node, terminology)}"]
    deeper = lead + " " * 9
    lines += [f"{deeper}has {basis_words(item)}" for item in found.basis]
    lines += [f"{deeper}lacks {_missing(item)}" for item in found.missing]
    for part in found.parts:
        lines += tree(part, terminology, depth + 1)
    return lines


def _missing(item: Missing) -> str:
    inputs = [name for name in item.inputs if name != item.fact]
    words = ", ".join(fact_words(name) for name in inputs)
    return missing_words(item) + (f" (would help: {words})" if inputs else "")


def explanation_data(found: Explanation, terminology: Terminology) -> dict[str, Any]:
    """The explanation as plain data for JSON."""
    return {
        "rule": found.rule.id,
        "severity": found.rule.severity,
        "patient": found.patient,
        "as_of": found.as_of,
        "out_of_scope": found.out_of_scope or None,
        "orders": [
            {
                "order": seen.id,
                "name": seen.name,
                "ingredients": list(seen.ingredients),
                "how": seen.how,
                "counts": seen.counts,
                "candidates": list(seen.candidates),
                "in_scope": seen.in_scope,
            }
            for seen in found.orders
        ],
        "subjects": [_subject_data(subject, terminology) for subject in found.subjects],
    }


def _subject_data(subject: SubjectExplained, terminology: Terminology) -> dict[str, Any]:
    judged = subject.judgement
    outcome = judged.outcome
    return {
        "orders": list(outcome.subject.order_ids),
        "allergies": list(outcome.subject.allergy_ids),
        "status": outcome.status.value,
        "suppressed_by": subject.suppressed_by,
        "exceptions": list(outcome.exceptions),
        "unchecked": [unchecked.id for unchecked in outcome.unchecked],
        "overlaps": _WORDS[judged.overlaps],
        "when": None if judged.when is None else _trace_data(judged.when, terminology),
        "unless": [
            {"id": exclusion.id, "because": exclusion.because, **_trace_data(trace, terminology)}
            for exclusion, trace in zip(outcome.rule.unless, judged.unless, strict=False)
        ],
        "error": outcome.error,
    }


_WORDS = {FALSE: "false", UNKNOWN: "unknown", TRUE: "true"}


def _trace_data(found: Trace, terminology: Terminology) -> dict[str, Any]:
    return {
        "truth": _WORDS[found.truth],
        "clause": phrase(found.node, terminology),
        "facts": [_fact(item) for item in found.basis],
        "missing": [{"fact": m.fact, "reason": m.reason, "inputs": list(m.inputs)} for m in found.missing],
        "parts": [_trace_data(part, terminology) for part in found.parts],
    }


def _fact(item: Basis) -> dict[str, str | None]:
    return {"fact": item.fact, "value": item.value, "at": item.at, "source": item.source}
