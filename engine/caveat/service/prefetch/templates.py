"""Prefetch templates, derived from the facts that the loaded rules need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from caveat.adapters.fhir.stated import CONTEXT, LOINC, NAMES
from caveat.compile.ruleset import Ruleset
from caveat.service.prefetch.needs import HISTORY, OBSERVED, needs
from caveat.terminology.concepts import Terminology

REQUIRED: Final = ("patient", "medications")
"""Keys without which nothing can be judged: lacking and not to be fetched, they refuse the call with 412."""

PAGE: Final = 200
"""Results of one page. It keeps servers with small pages from cutting a list; it is not a limit of ours."""

_ME: Final = "patient={{context.patientId}}"
_ALL: Final = f"?{_ME}&_count={PAGE}"
_CURRENT: Final = {
    "MedicationRequest": "active,on-hold,draft,unknown",
    "MedicationStatement": "active,on-hold,intended,unknown",
}
_ORDERS: Final = frozenset(("orders.current", "orders.ended"))
_LISTS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "conditions": ("Condition", frozenset(("conditions",))),
    "procedures": ("Procedure", frozenset(("dialysis",))),
    "allergies": ("AllergyIntolerance", frozenset(("allergies",))),
}
_GROUP: Final = {"laboratory": "labs", "vital": "vitals", "measurement": "measurements", "social": "social"}
_SCORES: Final = frozenset(("child_pugh", f"{OBSERVED}child_pugh_score"))
_NEWEST_EACH: Final = 10
_NEWEST: Final = (20, PAGE)
"""Newest results asked for: so many for each concept of a key, within these bounds for the key."""

_LOINC: Final = "http://loinc.org"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
# A blood pressure is one observation with two components: it is found by the code of the whole.
_PANELS: Final = {
    "systolic_blood_pressure": ("85354-9", "55284-4"),
    "diastolic_blood_pressure": ("85354-9", "55284-4"),
}


def templates(rules: Ruleset) -> Mapping[str, str]:
    """The query to prefetch by key, for every key that carries a fact the rules need.

    They use what CDS Hooks recommends and no more: reads and type searches, tokens by equality,
    `_count` and `_sort`, and of the context the patient's id alone, which all hooks have.
    """
    return rules.terminology.remember(("prefetch", rules.program.digest), lambda: _templates(rules))


def _templates(rules: Ruleset) -> Mapping[str, str]:
    wanted, terminology = needs(rules), rules.terminology
    found = {"patient": "Patient/{{context.patientId}}"}
    for key, kind in (("medications", "MedicationRequest"), ("statements", "MedicationStatement")):
        ended = "" if "orders.ended" in wanted else f"&status={_CURRENT[kind]}"
        found[key] = f"{kind}?{_ME}{ended}&_count={PAGE}"
    for key, (kind, carried) in _LISTS.items():
        if not carried.isdisjoint(wanted):
            found[key] = kind + _ALL
    for key, facts in _grouped(wanted, terminology).items():
        codes = dict.fromkeys(code for fact in facts for code in _codes(fact, terminology))
        newest = min(max(_NEWEST_EACH * len(facts), _NEWEST[0]), _NEWEST[1])
        limit = f"&_count={PAGE}" if key == "history" else f"&_sort=-date&_count={newest}"
        found[key] = f"Observation?{_ME}&code={','.join(codes)}{limit}"
    if not _SCORES.isdisjoint(wanted):
        # Records code the score in many ways; the reader knows it by its name.
        found["scores"] = f"Observation?{_ME}&category={_CATEGORY}|survey&_sort=-date&_count=50"
    if "observations" in wanted and not any(one.startswith("Observation") for one in found.values()):
        found["observations"] = f"Observation?{_ME}&_sort=-date&_count={_NEWEST[0]}"
    if "context.care_setting" in wanted:
        found["encounters"] = f"Encounter?{_ME}&status=in-progress&_count={PAGE}"
    return MappingProxyType(found)


def carries(rules: Ruleset) -> Mapping[str, frozenset[str]]:
    """The facts that the answer to each key can hold."""
    wanted, asked = needs(rules), templates(rules)
    found: dict[str, frozenset[str]] = {"patient": frozenset(("age", "sex"))}
    for key in ("medications", "statements"):
        found[key] = frozenset(("orders.current",)) if "&status=" in asked[key] else _ORDERS
    found |= {key: carried for key, (_, carried) in _LISTS.items() if key in asked}
    found |= {key: frozenset(facts) for key, facts in _grouped(wanted, rules.terminology).items()}
    if "scores" in asked:
        found["scores"] = _SCORES
    if "encounters" in asked:
        found["encounters"] = frozenset(("context.care_setting",))
    observed = next((key for key, one in asked.items() if one.startswith("Observation")), None)
    if observed is not None:
        found[observed] = found.get(observed, frozenset()) | {"observations"}
    return found


def uncarried(rules: Ruleset) -> frozenset[str]:
    """Facts that rules need and no key can hold: such a rule can never be assessed by prefetch."""
    carried = carries(rules)
    return needs(rules).difference(*carried.values())


def _grouped(wanted: Iterable[str], terminology: Terminology) -> dict[str, list[str]]:
    """The facts that observations hold, by key; those without a code to ask for are left out."""
    found: dict[str, list[str]] = {}
    for fact in sorted(wanted):
        if not _codes(fact, terminology):
            continue
        key = "circumstances"
        if fact.startswith(OBSERVED):
            key = _GROUP.get(terminology.observation(fact.removeprefix(OBSERVED)).kind, "observations")
        elif fact.startswith(HISTORY):
            key = "history"
        found.setdefault(key, []).append(fact)
    return {key: found[key] for key in sorted(found, key=_place)}


def _place(key: str) -> int:
    order = (*_GROUP.values(), "observations", "history", "circumstances")
    return order.index(key)


def _codes(fact: str, terminology: Terminology) -> tuple[str, ...]:
    """The codes, as `system|code`, of observations that may hold the fact."""
    for prefix in (OBSERVED, HISTORY):
        if fact.startswith(prefix):
            name = fact.removeprefix(prefix)
            codes = (*terminology.observation(name).loinc, *_PANELS.get(name, ()))
            return tuple(f"{_LOINC}|{code}" for code in codes)
    name = fact.removeprefix("context.")
    stated = tuple(f"{_LOINC}|{code}" for code, about in LOINC.items() if about == name)
    own = (f"{CONTEXT}|{name}",) if name != fact and name in NAMES else ()
    return (*own, *stated)
