"""Conditions of a record against value sets, with status and time."""

from __future__ import annotations

from dataclasses import dataclass

from caveat.dates import When
from caveat.facts.chart import Chart
from caveat.facts.clinical import Coded, Condition
from caveat.findings.basis import Basis, Missing
from caveat.terminology.codes import Code
from caveat.terminology.concepts import ConditionMatch
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, negate

_STATUS: dict[str | None, Truth] = {
    None: UNKNOWN,
    **dict.fromkeys(("active", "recurrence", "relapse"), TRUE),
    **dict.fromkeys(("inactive", "remission", "resolved"), FALSE),
}
"""Whether a condition is there, by its clinical status."""
UNSURE = ("unconfirmed", "provisional", "differential", "presumed")
"""Verifications of a condition that leave open whether it is there."""
_MOST_KEPT = 8_192
_LONGEST_KEPT = 200
"""How many concepts are kept matched with a terminology, and the length past which a text is not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A truth with what it rests on and what is missing."""

    truth: Truth
    basis: tuple[Basis, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(slots=True)
class ConditionView:
    """One condition with the value sets it is in (`sets`) or may be in (`possible`). Nothing changes one."""

    condition: Condition
    sets: frozenset[str]
    possible: frozenset[str]
    recognised: bool
    active: Truth

    @property
    def name(self) -> str:
        """As recorded."""
        return named(self.condition.codes, self.condition.text)


def named(codes: tuple[Code, ...], text: str | None) -> str:
    """Text, else the first display, else the codes."""
    shown = text or next((code.display for code in codes if code.display), None)
    return shown or ", ".join(f"{code.system}|{code.code}" for code in codes)


def match(chart: Chart, codes: tuple[Code, ...], text: str | None) -> ConditionMatch:
    """The value sets of a coded or worded concept; any of several codes may put it in a set."""
    return _kept_match(chart.terminology.remember("matched concepts", dict), chart, codes, text)


_Kept = dict[tuple[object, ...], ConditionMatch]


def _kept_match(kept: _Kept, chart: Chart, codes: tuple[Code, ...], text: str | None) -> ConditionMatch:
    if len(codes) == 1:
        code = codes[0]
        key: tuple[object, ...] = code.system, code.code, code.display, text
    else:
        key = codes, text
    if key in kept:
        return kept[key]
    found = _match(chart, codes, text)
    if sum(len(code.display) for code in codes) + len(text or "") <= _LONGEST_KEPT:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = found
    return found


def _match(chart: Chart, codes: tuple[Code, ...], text: str | None) -> ConditionMatch:
    terminology = chart.terminology
    if not codes:
        return terminology.condition_sets(None, text or "")
    if len(codes) == 1:
        return terminology.condition_sets(codes[0], text or "")
    found = [terminology.condition_sets(code, text or "") for code in codes]
    sets = frozenset().union(*(f.sets for f in found))
    possible = frozenset().union(*(f.possible for f in found)) - sets
    return ConditionMatch(sets, possible, any(f.recognised for f in found))


def views(chart: Chart) -> tuple[ConditionView, ...] | None:
    """Every condition that was not refuted; None when the list is not known."""
    memo = chart.memo
    if "conditions" not in memo:
        memo["conditions"] = _views(chart)
    return memo["conditions"]  # type: ignore[no-any-return]


def _views(chart: Chart) -> tuple[ConditionView, ...] | None:
    conditions = chart.patient.conditions
    if conditions is None:
        return None
    found = []
    kept: _Kept = chart.terminology.remember("matched concepts", dict)
    for index, condition in enumerate(conditions):
        said = condition.__dict__  # looked up there in a fifth of the time that a model's attribute takes
        if said["verification"] in ("refuted", "entered-in-error"):
            continue
        noted = said["onset"] or said["recorded"]
        if noted is not None and noted.first > chart.as_of:
            chart.note(
                "after-as-of",
                f"a condition of {noted} lies after {chart.day} and was not used",
                f"$.conditions[{index}]",
            )
            continue
        matched = _kept_match(kept, chart, said["codes"], said["text"])
        active = (
            _STATUS.get(said["clinical_status"], UNKNOWN)
            if said["abatement"] is None
            else _active(condition, chart.as_of)
        )
        found.append(ConditionView(condition, matched.sets, matched.possible, matched.recognised, active))
    return tuple(found)


def _active(condition: Condition, as_of: int) -> Truth:
    """Whether the condition is there at `as_of`, by its end where one is recorded and else by its status."""
    if condition.abatement is not None:
        if condition.abatement.last < as_of:
            return FALSE
        if condition.abatement.first > as_of:
            return TRUE
    return _STATUS.get(condition.clinical_status, UNKNOWN)


def has_condition(
    chart: Chart, sets: tuple[str, ...], status: str, within: int | None, since: When | str | None
) -> Answer:
    """Whether a condition of the sets is recorded, for a presence question.

    `since` asks that it was first noted on or after a date (text says why that date is unknown).
    Not found is FALSE in a list that was given, UNKNOWN without a list or in one whose
    completeness is unknown.
    """
    key = ("condition", sets, status, within, since)
    return chart.once(key, lambda: _has(chart, sets, status, within, since))


def lacks_condition(
    chart: Chart, sets: tuple[str, ...], status: str, within: int | None, since: When | str | None
) -> Answer:
    """Whether no such condition is there: TRUE only where the list is closed."""
    present = has_condition(chart, sets, status, within, since)
    doubtful = [view.name for view in views(chart) or () if not view.recognised and not view.sets]
    if present.truth == FALSE and doubtful:
        why = f"{doubtful[0]!r} is not recognised and may be {' or '.join(sets)}"
        return Answer(UNKNOWN, present.basis, (Missing("conditions", why),))
    if present.truth == FALSE and chart.patient.complete.conditions != "closed" and not present.basis:
        name = " or ".join(sets)
        return Answer(
            UNKNOWN, (), (Missing("conditions", f"the list is not closed, so {name} may be missing from it"),)
        )
    return Answer(negate(present.truth), present.basis, present.missing)


def _has(
    chart: Chart, sets: tuple[str, ...], status: str, within: int | None, since: When | str | None
) -> Answer:
    listed = views(chart)
    name = " or ".join(sets)
    if listed is None:
        return Answer(
            UNKNOWN, (), (Missing("conditions", f"no condition list is recorded, so {name} is not known"),)
        )
    wanted = frozenset(sets)
    best: Truth = FALSE
    basis: list[Basis] = []
    missing: list[Missing] = []
    for view in listed:
        if view.sets & wanted:
            truth, lacking = _holds(view, status, within, since, chart.as_of, name)
        elif view.possible & wanted:
            held, lacking = _holds(view, status, within, since, chart.as_of, name)
            truth = UNKNOWN if held != FALSE else FALSE
            lacking = (
                Missing(f"condition:{name}", f"{view.name!r} may be {name}; its code is in no value set"),
            )
        else:
            continue
        if truth == FALSE:
            continue
        if truth > best:
            best, basis, missing = truth, [], []
        if truth == best:
            basis.append(_basis(view, name))
            missing.extend(lacking if truth == UNKNOWN else ())
    if best == FALSE and chart.patient.complete.conditions == "unknown":
        return Answer(
            UNKNOWN,
            (),
            (Missing("conditions", f"it is not known how complete the list is, so {name} may be missing"),),
        )
    return Answer(best, tuple(basis), tuple(dict.fromkeys(missing)))


def _basis(view: ConditionView, name: str) -> Basis:
    condition = view.condition
    at = condition.onset or condition.recorded
    return Basis(f"condition:{name}", view.name, None if at is None else at.text, condition.source)


def _holds(
    view: ConditionView, status: str, within: int | None, since: When | str | None, as_of: int, name: str
) -> tuple[Truth, tuple[Missing, ...]]:
    truth: Truth = TRUE
    missing: list[Missing] = []
    condition = view.condition
    if status != "ever":
        active = view.active if status == "active" else negate(view.active)
        truth = min(truth, active)
        if active == UNKNOWN:
            missing.append(Missing(f"condition:{name}", f"whether {view.name!r} is active is not recorded"))
    if condition.verification in UNSURE:
        truth = min(truth, UNKNOWN)
        missing.append(Missing(f"condition:{name}", f"{view.name!r} is {condition.verification}"))
    noted = condition.onset or condition.recorded
    if within is not None:
        recent = _on_or_after(noted, as_of - within, as_of - within)
        truth = min(truth, recent)
        if recent == UNKNOWN:
            missing.append(
                Missing(f"condition:{name}", f"when {view.name!r} was noted is not recorded well enough")
            )
    if since is not None:
        if isinstance(since, str):
            after: Truth = UNKNOWN
            missing.append(Missing("start", since))
        else:
            after = _on_or_after(noted, since.first, since.last)
            if after == UNKNOWN:
                missing.append(
                    Missing(f"condition:{name}", f"when {view.name!r} was noted is not recorded well enough")
                )
        truth = min(truth, after)
    return truth, tuple(missing)


def _on_or_after(noted: When | None, first: int, last: int) -> Truth:
    """Whether `noted` lies on or after a day that is from `first` to `last`."""
    if noted is None:
        return UNKNOWN
    if noted.first >= last:
        return TRUE
    return FALSE if noted.last < first else UNKNOWN


def indicated(
    chart: Chart, indication: tuple[Coded, ...] | None, sets: tuple[str, ...], fact: str = "indication"
) -> Answer:
    """Whether an order's recorded indication is in the sets; none recorded is UNKNOWN.

    The reactions of an allergy are asked in the same way, as another `fact`.
    """
    if indication is None or not indication:
        return Answer(UNKNOWN, (), (Missing(fact, "not recorded"),))
    wanted = frozenset(sets)
    basis = tuple(Basis(fact, str(item)) for item in indication)
    matches = [match(chart, item.codes, item.text) for item in indication]
    if any(m.sets & wanted for m in matches):
        return Answer(TRUE, basis)
    if any(m.possible & wanted or not m.recognised for m in matches):
        return Answer(UNKNOWN, basis, (Missing(fact, f"{str(indication[0])!r} is in no value set"),))
    return Answer(FALSE, basis)
