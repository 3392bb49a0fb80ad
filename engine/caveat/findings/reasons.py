"""Why a clinician goes on despite a finding, and what corrects the record instead.

An override leaves the finding as it is and says why the order stands. A correction says that the
record is wrong or old: it is never stored as an override, the record is judged again with it.
What the sets are based on is in docs/overrides.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

SYSTEM: Final = "urn:caveat:override-reason"
MOST: Final = 6
"""The most overrides offered for one kind."""

Category = Literal["override", "correction"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One coded reason. `asks` are what must be given along with it.

    Of an override: `fact` and `by` (the follow-up), `comment`. Of a correction: `fact`, `value`
    and `at` (a result), `order`, `condition`, `allergy` (which entry of the record), `text`.
    """

    code: str
    display: str
    category: Category = "override"
    asks: tuple[str, ...] = ()


def _correction(code: str, display: str, *asks: str) -> Reason:
    return Reason(code, display, "correction", asks)


MONITOR: Final = Reason("will-monitor", "Will monitor", asks=("fact", "by"))
OTHER: Final = Reason("other", "Other reason", asks=("comment",))
_BENEFIT = Reason("benefit-outweighs-risk", "Benefit outweighs the risk for this patient")
_ARGUED = Reason("benefit-outweighs-risk", "Benefit outweighs the risk for this patient", asks=("comment",))
_NO_ALTERNATIVE = Reason("no-alternative", "No suitable alternative")
_SPECIALIST = Reason("specialist-advice", "Advised by a specialist or pharmacist")
_TOLERATED = Reason("tolerated-so-far", "Already taken without harm at this dose")
_ADJUSTED = Reason("dose-adjusted", "Dose already chosen with this in mind")
_SWITCHING = Reason("switching", "Changing from one medicine to the other")

NOT_PREGNANT: Final = _correction("not-pregnant", "Not pregnant")
NOT_LACTATING: Final = _correction("not-lactating", "Not breast-feeding")
NEWER_RESULT: Final = _correction("newer-result", "A newer result is available", "fact", "value", "at")
NOT_PRESENT: Final = _correction(
    "condition-not-present", "The patient does not have this condition", "condition"
)
NOT_TAKING: Final = _correction("no-longer-taking", "No longer takes this medicine", "order")
NEVER_TAKEN: Final = _correction("not-taken", "This medicine was never taken", "order")
STILL_TAKING: Final = _correction("still-taking", "Still takes this medicine", "order")
WAS_TAPERED: Final = _correction("was-tapered", "The dose was tapered before it was stopped", "order")
NOT_ALLERGIC: Final = _correction("allergy-refuted", "The patient has no such allergy", "allergy")
INTOLERANCE: Final = _correction("intolerance-only", "An intolerance, not an allergy", "allergy")
OTHER_INDICATION: Final = _correction("other-indication", "Given for another indication", "order", "text")

_OF_STATE = (NOT_PREGNANT, NOT_LACTATING, NEWER_RESULT, NOT_PRESENT)

REASONS: Final[dict[str, tuple[Reason, ...]]] = {
    "contraindication": (
        _ARGUED,
        Reason("no-alternative", "No suitable alternative", asks=("comment",)),
        _SPECIALIST,
        MONITOR,
        Reason("comfort-care", "Comfort care: the risk is accepted"),
        OTHER,
        *_OF_STATE,
        OTHER_INDICATION,
    ),
    "precaution": (MONITOR, _BENEFIT, _TOLERATED, _ADJUSTED, _SPECIALIST, OTHER, *_OF_STATE, NOT_TAKING),
    "interaction": (
        MONITOR,
        _BENEFIT,
        Reason("tolerated-together", "Has taken both together without harm"),
        _ADJUSTED,
        Reason("given-apart", "Given at different times or by routes that do not interact"),
        OTHER,
        _correction("no-longer-taking", "No longer takes the other medicine", "order"),
        NEWER_RESULT,
        NOT_PRESENT,
    ),
    "dosing": (
        Reason("titrated", "Dose reached by titration and tolerated"),
        Reason("dose-for-indication", "This dose is intended for the indication or protocol"),
        MONITOR,
        _BENEFIT,
        _SPECIALIST,
        OTHER,
        NEWER_RESULT,
        NOT_PRESENT,
        OTHER_INDICATION,
        NOT_TAKING,
    ),
    "duplicate": (
        Reason("intended-combination", "Both are intended together"),
        _SWITCHING,
        Reason("one-dose-of-two", "Two strengths or forms make up one dose"),
        Reason("as-needed-with-regular", "One is taken regularly, the other only when needed"),
        MONITOR,
        OTHER,
        _correction("no-longer-taking", "No longer takes the other medicine", "order"),
    ),
    "allergy": (
        Reason("tolerated-since", "Has tolerated this medicine since the reaction"),
        Reason("mild-reaction", "The reaction was mild and is acceptable"),
        _BENEFIT,
        Reason("allergist-cleared", "Tested or desensitised by an allergist"),
        Reason("given-under-observation", "Given under observation, with treatment at hand"),
        OTHER,
        NOT_ALLERGIC,
        INTOLERANCE,
    ),
    "monitoring": (
        MONITOR,
        Reason("monitored-elsewhere", "Monitored by another team", asks=("comment",)),
        Reason("monitoring-not-needed", "Not needed for this patient", asks=("comment",)),
        Reason("patient-declines", "The patient declines"),
        OTHER,
        NEWER_RESULT,
        NOT_PRESENT,
        NOT_TAKING,
    ),
    "adverse-reaction": (
        MONITOR,
        Reason("other-cause", "Another cause is more likely"),
        Reason("effect-acceptable", "The effect is mild and acceptable to the patient"),
        _BENEFIT,
        _ADJUSTED,
        OTHER,
        NEWER_RESULT,
        NOT_PRESENT,
        NOT_TAKING,
    ),
    "discontinuation": (
        Reason("must-stop", "Must be stopped at once because of harm"),
        _SWITCHING,
        Reason("taken-briefly", "Taken too briefly to need tapering"),
        MONITOR,
        _SPECIALIST,
        OTHER,
        STILL_TAKING,
        WAS_TAPERED,
        NEVER_TAKEN,
    ),
    "indication": (
        Reason("evidence-for-use", "Evidence supports this use", asks=("comment",)),
        _NO_ALTERNATIVE,
        _SPECIALIST,
        MONITOR,
        OTHER,
        OTHER_INDICATION,
        NOT_PRESENT,
    ),
}
"""By the kind of the rule: overrides in the order they are offered, then corrections."""

_NO_RESULT = frozenset(
    {"age", "sex", "pregnant", "lactating", "gestation", "ingredient", "indication", "continued", "orders"}
    | {"order", "conditions", "allergies", "observations", "dose", "daily_dose", "strength", "frequency"}
    | {"duration", "since_start", "since_stop", "treatment_time", "max_per_day", "status", "route", "form"}
    | {"pump_refill_age", "tapered", "purpose", "dose_per_weight", "daily_dose_per_weight"}
)


def is_result(fact: str) -> bool:
    """Whether a newer measurement could change this deciding fact."""
    return not (fact in _NO_RESULT or ":" in fact or fact.startswith(("order.", "context.")))


def _fits(reason: Reason, facts: Collection[str]) -> bool:
    if reason == NOT_PREGNANT:
        return not {"pregnant", "gestation", "condition:pregnancy"}.isdisjoint(facts)
    if reason == NOT_LACTATING:
        return not {"lactating", "condition:lactation"}.isdisjoint(facts)
    if reason == NEWER_RESULT:
        return any(is_result(fact) for fact in facts)
    if reason == NOT_PRESENT:
        return any(fact.startswith("condition:") for fact in facts)
    if reason == OTHER_INDICATION:
        return any(fact in ("indication", "order.indication") for fact in facts)
    return True


def reasons_for(kind: str, facts: Collection[str] | None = None) -> tuple[Reason, ...]:
    """What may be answered to a finding of that kind: at most six overrides, then the corrections.

    With `facts`, the names of the deciding and missing facts of one finding, only those corrections
    that could change one of them. Raises ValueError for a kind that does not exist.
    """
    if kind not in REASONS:
        raise ValueError(f"there are no override reasons for the kind {kind!r}. One of: {', '.join(REASONS)}")
    found = REASONS[kind]
    if facts is None:
        return found
    return tuple(r for r in found if r.category == "override" or _fits(r, facts))


def reason_of(kind: str, code: str) -> Reason | None:
    """The reason of that code for that kind, None when the kind does not have it."""
    return next((reason for reason in REASONS.get(kind, ()) if reason.code == code), None)
