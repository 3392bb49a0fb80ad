"""Circumstances that are stated in observations and encounters: context, pregnancy, Child-Pugh class.

The latest statement of each counts. Statements of the same day that contradict each other give
nothing but a problem, and a latest statement that cannot be read leaves the fact unknown, so that
an older one never stands in for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, cast

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import answers, values
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.ledger import Ledger
from caveat.dates import When
from caveat.facts.clinical import Coded, Condition, Context
from caveat.facts.values import Quantity

CONTEXT: Final = "urn:caveat:context"
FLAGS: Final = ("specialist_oversight", "hazardous_work", "fall_risk", "alcohol_use")
NAMES: Final = (*FLAGS, "pump_refilled", "care_setting")
CHILD_PUGH: Final = "child_pugh"
REFILLED: Final = "context.pump_refilled"
# LOINC: pregnancy status (two), breastfeeding status, history of alcohol use, alcoholic drinks per day.
LOINC: Final = {
    "82810-3": "pregnant",
    "11449-6": "pregnant",
    "63895-7": "lactating",
    "11331-6": "alcohol_use",
    "74013-4": "alcohol_use",
}
# Names of such observations under codes of a site, or without a code.
NAMED: Final = {
    "pregnancy status": "pregnant",
    "pregnant": "pregnant",
    "breastfeeding status": "lactating",
    "lactation status": "lactating",
}
# HL7 v3 ActCode of an Encounter's class.
SETTINGS: Final = {
    "AMB": "ambulatory",
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "EMER": "emergency",
    "HH": "home",
}
LONGEST_CURRENT: Final = 280
"""Days before the newest date of a record that its pregnancy and breastfeeding status stay in force."""


def topic_of(concept: fhir.Concept | None) -> str | None:
    """What an observation in this code states: a field of the patient, `context.` and its code, or None."""
    if concept is None:
        return None
    named = None
    for coding in concept.coding or ():
        if coding.code in LOINC and coding.system and values.system_name(coding.system) == "loinc":
            return LOINC[coding.code]
        if coding.system == CONTEXT:
            return f"context.{coding.code or ''}"
        if coding.display is not None:
            named = named or _topic_named(coding.display)
    if concept.text is not None:
        named = named or _topic_named(concept.text)
    return named if named is None or named == CHILD_PUGH or _is_local(concept) else None


@lru_cache(maxsize=8192)
def _topic_named(text: str) -> str | None:
    """What an observation of this name states, if anything."""
    plain = text.lower()
    return CHILD_PUGH if "pugh" in plain and "child" in plain else NAMED.get(plain.strip())


def _is_local(concept: fhir.Concept) -> bool:
    """Whether none of the codes is of LOINC, which would say more exactly what was observed."""
    return all(values.system_name(one.system or "") != "loinc" for one in concept.coding or ())


@dataclass(frozen=True, slots=True)
class Said:
    """One statement; `value` None is one that leaves the fact unknown."""

    value: Any
    at: When | None
    path: str
    is_score: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What else the record says, to judge a statement by; `newest` is the newest day of any entry."""

    sex: str | None
    conditions: Sequence[Condition]
    newest: int | None


class Statements:
    """What one record states, collected while it is read and settled at the end."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[str, list[Said]] = {}

    def __bool__(self) -> bool:
        return bool(self._said)

    def _add(self, name: str, said: Said) -> None:
        self._said.setdefault(name, []).append(said)

    def observed(
        self,
        topic: str,
        part: Any,
        value: Quantity | None,
        answer: Coded | None,
        at: When | None,
        log: Ledger,
        path: str,
    ) -> None:
        """Enters an observation or component whose code has the topic."""
        name = topic.removeprefix("context.")
        if topic == CHILD_PUGH:
            classes = answers.child_pugh(value, answer)
            if not classes:
                log.note("child-pugh-not-read", "a Child-Pugh result that names no class and no total", path)
                return
            only = next(iter(classes)) if len(classes) == 1 else None
            self._add(name, Said(only, at, path, is_score=value is not None))
            return
        if topic != name and name not in NAMES:
            known = ", ".join(NAMES)
            log.problem("context-code", f"no context is called {name!r}; known are {known}", path, name)
            return
        if topic == REFILLED:
            self._refilled(part, at, log, path)
            return
        found = answers.setting(answer) if name == "care_setting" else answers.flag(name, value, answer)
        if found is answers.UNREAD:
            if topic != name:
                shown = str(value or answer or "")
                log.problem("context-value", f"{name} has a value that cannot be read", path, shown)
            elif value is not None or answer is not None:
                log.note(
                    "answer-not-read", f"{name}: an answer that says neither yes nor no for certain", path
                )
            found = None
        self._add(name, Said(found, at, path))

    def _refilled(self, part: Any, at: When | None, log: Ledger, path: str) -> None:
        if part.value_boolean is False:
            return
        day = values.date(part.value_date_time, log, path + ".valueDateTime") or (
            at if part.value_date_time is None else None
        )
        if day is None:
            log.problem("context-value", "pump_refilled has no date that can be read", path)
        self._add("pump_refilled", Said(day, at or day, path))

    def met(self, resource: fhir.Encounter, log: Ledger, path: str) -> None:
        """Enters an encounter that is in progress: its class is the care setting."""
        coding = resource.setting
        found = SETTINGS.get(coding.code or "") if isinstance(coding, fhir.Coding) else None
        if found is None:
            log.note("encounter-class", "an encounter in progress whose class says no care setting", path)
            return
        start = resource.period.start if resource.period is not None else None
        self._add("care_setting", Said(found, values.date(start, log, path + ".period.start"), path))

    def settle(self, log: Ledger, facts: Facts) -> dict[str, Any]:
        """The fields of a Patient that were stated; what is contradictory or out of date is left unknown."""
        fields: dict[str, Any] = {}
        context: dict[str, Any] = {}
        for name, said in self._said.items():
            chosen = self._latest(name, said)
            found = _agreed(name, chosen, log)
            if found is None:
                continue
            at = next((one.at for one in chosen if one.at is not None), None)
            shown = answers.shown(found)
            if name in ("pregnant", "lactating"):
                if not _holds(name, found, at, facts, log, chosen[0].path):
                    continue
            elif name == CHILD_PUGH:
                if all(one.is_score for one in chosen):
                    continue  # the score is judged as an observation, with its date
            else:
                context[name] = found
            if name not in context:
                fields[name] = found
            message = f"{name} is {shown}, stated {f'on {at}' if at else 'without a date'}"
            log.note(f"{name.replace('_', '-')}-stated", message, chosen[0].path)
        if context:
            fields["context"] = trusted(Context, context)
        return fields

    def _latest(self, name: str, said: list[Said]) -> list[Said]:
        """The statements that may be the latest; encounters with a time of day are told apart by it."""
        newest = max((one.at.first for one in said if one.at is not None), default=None)
        if newest is None:
            return said
        chosen = [one for one in said if one.at is None or one.at.last >= newest]
        instants = [one.at.instant for one in chosen if one.at is not None and one.at.instant is not None]
        if name == "care_setting" and len(instants) == len(chosen):
            last = max(instants)
            return [one for one in chosen if cast(When, one.at).instant == last]
        return chosen


def _agreed(name: str, chosen: list[Said], log: Ledger) -> Any:
    """The one value of all; None when one is unknown, and with a problem when they contradict each other."""
    found: dict[Any, Any] = {}
    for one in chosen:
        key = (one.value.first, one.value.last) if isinstance(one.value, When) else one.value
        found.setdefault(key, one.value)
    if len(found) == 1:
        return chosen[0].value
    told = [answers.shown(value) for value in found.values() if value is not None]
    if len(told) > 1:
        message = (
            f"{name} is stated as {' and as '.join(sorted(told))}, and none of them is the later; not used"
        )
        log.problem("conflicting-statements", message, chosen[-1].path, ", ".join(sorted(told)))
    return None


def _holds(name: str, value: bool, at: When | None, facts: Facts, log: Ledger, path: str) -> bool:
    """Whether a statement of pregnancy or breastfeeding can be taken as the present state.

    It must not be much older than the newest entry of the record, and a "no" is not used beside a
    condition that may say yes.
    """
    if value and name == "pregnant" and facts.sex == "male":
        log.problem("pregnant-male", "pregnant is stated for a patient whose sex is male; not used", path)
        return False
    if at is None:
        if not value:
            log.note(f"{name}-undated", f"{name} is denied without a date; it is not used", path)
        return value
    if facts.newest is not None and facts.newest - at.last > LONGEST_CURRENT:
        log.note(
            f"{name}-old", f"{name} was last stated on {at}, too long before the newest entry to hold", path
        )
        return False
    if not value and any(answers.may_be(name, one) for one in facts.conditions):
        log.note(f"{name}-doubtful", f"{name} is denied on {at}, yet a condition may say so; not used", path)
        return False
    return True
