"""Proves on a loaded ruleset, with a site's policy and overlay, what must alert wherever it is used.

What must fire stands in `must-fire/*.yaml` beside the rules: a small record with the rule that must
alert on it, or two scopes of which every pair must. Each is judged by two evaluators.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from caveat.authoring.merge import merge
from caveat.compile.ruleset import Ruleset
from caveat.compile.site import SiteChange
from caveat.errors import CaveatError, RulesetError
from caveat.evaluators.screen import build, ordinal, screen
from caveat.facts.chart import Chart
from caveat.facts.patient import Patient
from caveat.findings.report import Finding, Report
from caveat.findings.severity import SEVERITIES, Status, at_or_above
from caveat.rules.bundle import Bundle, is_bundle, read_bundle
from caveat.rules.diagnostics import Problems, did_you_mean
from caveat.rules.expression import Scope, Strict
from caveat.rules.model import PairScope, SeverityName
from caveat.rules.overlay import Day
from caveat.rules.parse import parse
from caveat.rules.policy import TIERS, Tier
from caveat.rules.source import read_text
from caveat.terminology.concepts import Terminology

FOLDER: Final = "must-fire"
_LOUD: Final[dict[str, int]] = {tier: rank for rank, tier in enumerate(TIERS)}
_SHOWN: Final = 5


class MustFire(Strict):
    """One item: `rule` must alert on the record `given`, or on every two orders of `pair`.

    `tier` is the quietest tier and `severity` the mildest severity that are enough. A pair without a
    `rule` takes any alert that is about both ingredients. `no_rule` says why no rule is written for the
    item yet: it is judged and shown as such, and neither holds nor fails.
    """

    id: Annotated[str, Field(min_length=1)]
    rule: str | None = None
    tier: Tier
    severity: SeverityName = SEVERITIES[-1]
    given: dict[str, Any] = Field(default_factory=dict)
    pair: PairScope | None = None
    no_rule: Annotated[str, Field(min_length=1)] | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> MustFire:
        if self.rule is None and self.pair is None:
            raise ValueError("an item without a pair names the rule that must alert")
        return self


class MustFireFile(Strict):
    """A file of must-fire items."""

    format: Literal[1]
    title: str
    as_of: Day
    base: dict[str, Any] = Field(default_factory=dict)
    items: Annotated[tuple[MustFire, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Placed:
    """An item with what its file says for all, and where it stands."""

    item: MustFire
    base: dict[str, Any]
    as_of: str
    place: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A record on which it did not come out.

    `by_site` says that a named decision of the site is why, `silent` that it was judged and did not
    alert as it must.
    """

    subject: str
    why: str
    by_site: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """What one item came to: how many records were judged, the quietest tier that came, what failed.

    `no_rule` is why no rule is written for it yet.
    """

    item: str
    rule: str
    wanted: str
    came: str
    checked: int
    failures: tuple[Failure, ...]
    place: str
    no_rule: str = ""

    @property
    def waits(self) -> bool:
        """Whether a rule is still to be written, as the item says."""
        return bool(self.no_rule and self.failures) and all(failure.silent for failure in self.failures)

    @property
    def ok(self) -> bool:
        """Whether every record alerted as it must."""
        return self.checked > 0 and not self.failures

    @property
    def by_site(self) -> bool:
        """Whether everything that failed is a named decision of the site."""
        return bool(self.failures) and all(failure.by_site for failure in self.failures)


def read_items(root: Path | Bundle) -> tuple[Placed, ...]:
    """Every item declared beside the rules of a folder, of a rules file or of a bundle, in order.

    Raises RulesetError with everything that is wrong with the files.
    """
    problems = Problems()
    found: list[Placed] = []
    seen: dict[str, str] = {}
    for name, raw in _texts(root):
        source = read_text(raw, name, problems)
        file = parse(MustFireFile, source, problems) if source is not None else None
        if source is None or file is None:
            continue
        for index, item in enumerate(file.items):
            place = source.place(("items", index, "id"))
            first = seen.setdefault(item.id, str(place))
            if first != str(place):
                problems.add(
                    "C008", f"item {item.id!r} stands twice", place, why=f"The first stands at {first}."
                )
            found.append(Placed(item, file.base, file.as_of, f"{place.file}:{place.line}"))
    if problems.errors:
        raise RulesetError(problems.errors)
    return tuple(found)


def _texts(root: Path | Bundle) -> Iterator[tuple[str, bytes]]:
    if isinstance(root, Path) and root.is_file() and is_bundle(root):
        root = read_bundle(root)
    if isinstance(root, Bundle):
        yield from ((n, text.encode()) for n, text in root.files.items() if n.startswith(FOLDER + "/"))
        return
    base = root if root.is_dir() else root.parent
    for file in sorted((base / FOLDER).glob("*.yaml")):
        yield f"{FOLDER}/{file.name}", file.read_bytes()


def prove(rules: Ruleset, items: Iterable[Placed], *, every: bool = True) -> tuple[Proof, ...]:
    """What each item comes to. `every=False` takes one pair of each item, for a quick look.

    Nothing raises: a record that does not fit and a scope that names nothing are failures.
    """
    return tuple(_prove(rules, placed, every) for placed in items)


def _prove(rules: Ruleset, placed: Placed, every: bool) -> Proof:
    item = placed.item
    failures: list[Failure] = []
    came: list[str] = []
    checked = 0
    try:
        for subject, patient, pair in _records(placed, rules.terminology, every):
            checked += 1
            report = screen(patient, rules, as_of=placed.as_of)
            failure, tier, alert = _judged(report, item, subject, pair, rules)
            if alert is not None and not _confirmed(alert, patient, placed.as_of, rules):
                why = f"the evaluators differ: reference does not fire {alert.rule.id} on it"
                failure, tier = Failure(subject, why), ""
            came += [tier] if tier else []
            failures += [failure] if failure is not None else []
    except (CaveatError, ValidationError) as error:
        why = str(error) if isinstance(error, CaveatError) else _unfit(error)
        failures.append(Failure("the item", f"cannot be run: {why}"))
    if item.no_rule and every and checked and not failures:
        failures.append(Failure("the item", "every record alerts as it must: take no_rule out"))
    quietest = max(came, key=lambda tier: _LOUD[tier]) if came else ""
    rule = item.rule or "any rule on both"
    return Proof(
        item.id, rule, item.tier, quietest, checked, tuple(failures), placed.place, item.no_rule or ""
    )


def _unfit(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


def _records(
    placed: Placed, terminology: Terminology, every: bool
) -> Iterator[tuple[str, Patient, tuple[str, ...]]]:
    """Subject in words, record, and the ingredients that must both be in the alert."""
    item = placed.item
    whole = merge(placed.base, item.given)
    if item.pair is None:
        yield "its record", Patient.model_validate({"id": item.id, **whole}), ()
        return
    if item.pair.with_ is None:
        raise CaveatError("a pair that must fire names both of its sides: order and with")
    first = _members(item.pair.order, terminology)
    second = _members(item.pair.with_, terminology)
    pairs = [(a, b) for a in first for b in second if a != b]
    if not pairs:
        raise CaveatError("the two scopes have no pair of ingredients")
    for a, b in pairs if every else pairs[:1]:
        orders = [
            {"id": f"o{n}", "ingredients": [name], "status": "active", "start": placed.as_of}
            for n, name in enumerate((a, b), 1)
        ]
        yield f"{a} with {b}", Patient.model_validate({"id": item.id, **whole, "orders": orders}), (a, b)


def _members(scope: Scope, terminology: Terminology) -> tuple[str, ...]:
    tables = terminology.tables
    found: set[str] = set()
    for names, known, what in (
        (scope.ingredient or (), tables.ingredients, "ingredient"),
        (scope.class_ or (), tables.classes, "class"),
        (scope.except_ or (), tables.ingredients, "ingredient"),
    ):
        for name in names:
            if name not in known:
                raise CaveatError(f"there is no {what} {name!r}. {did_you_mean(name, known)}".rstrip())
    for name in scope.class_ or ():
        found |= terminology.class_members(name)
    return tuple(sorted((found | set(scope.ingredient or ())) - set(scope.except_ or ())))


def _judged(
    report: Report, item: MustFire, subject: str, pair: tuple[str, ...], rules: Ruleset
) -> tuple[Failure | None, str, Finding | None]:
    """What is wrong, or None; the tier that came, empty where nothing alerted; and what alerted."""
    for error in report.errors:
        return Failure(subject, f"the check failed: {error.message}"), "", None
    alerts = [
        f
        for f in report.alerts
        if (item.rule is None or f.rule.id == item.rule) and (not pair or set(pair) <= set(f.drugs))
    ]
    if not alerts:
        return _silent(report, item, subject, rules), "", None
    best = min(alerts, key=lambda f: (_LOUD[f.tier], SEVERITIES.index(f.severity)))
    changes = [c for c in rules.changes if c.rule == best.rule.id and not c.over]
    if _LOUD[best.tier] > _LOUD[item.tier]:
        named = next((c for c in changes if c.kind in ("tier", "severity")), None)
        why = _named(named) if named else f"policy {rules.policy} gives {best.severity} this tier"
        return (
            Failure(subject, f"alerts as {best.tier} only: {why}", named is not None, True),
            best.tier,
            best,
        )
    if not at_or_above(best.severity, item.severity):
        named = next((c for c in changes if c.kind == "severity"), None)
        why = _named(named) if named else "so the rule is written"
        return (
            Failure(subject, f"alerts as {best.severity} only: {why}", named is not None, True),
            best.tier,
            best,
        )
    return None, best.tier, best


def _confirmed(alert: Finding, patient: Patient, as_of: str, rules: Ruleset) -> bool:
    """Whether the reference evaluator fires the rule of an alert for its subject."""
    program = replace(rules.program, rules=(rules.program.rule(alert.rule.id),))
    chart = Chart(patient, rules.terminology, as_of=ordinal(as_of))
    found = build("reference", program).outcomes(chart)
    subject = {(outcome.subject.order_ids, outcome.status) for outcome in found}
    pairs = {alert.orders, alert.orders[::-1]}
    return any((orders, Status.FIRES) in subject for orders in pairs)


def _silent(report: Report, item: MustFire, subject: str, rules: Ruleset) -> Failure:
    """Why there is no alert."""
    off = [c for c in rules.changes if c.kind == "disabled" and not c.over]
    mine = next((c for c in off if c.rule == item.rule), None)
    if mine is not None:
        return Failure(subject, _named(mine), True)
    if item.rule is not None and item.rule not in {rule.id for rule in rules.program.rules}:
        hint = did_you_mean(item.rule, (rule.id for rule in rules.program.rules))
        return Failure(subject, f"there is no such rule in this ruleset. {hint}".rstrip())
    about = [f for f in report.findings if f.rule.id == item.rule]
    if about:
        return Failure(subject, _instead(about[0]))
    if report.unrecognised:
        names = ", ".join(u.text for u in report.unrecognised[:_SHOWN])
        return Failure(subject, f"not recognised: {names}")
    tail = f" ({len(off)} rules are disabled by overlay {rules.overlay})" if off and item.rule is None else ""
    why = "does not alert: the rule is not met" if item.rule else f"no rule alerts{tail}"
    return Failure(subject, why, silent=True)


def _instead(found: Finding) -> str:
    if found.suppressed_by is not None:
        return f"superseded by {found.suppressed_by}"
    if found.status is Status.CANNOT_ASSESS:
        return f"cannot be assessed: missing {', '.join(m.fact for m in found.missing)}"
    return f"came out as {found.status.value}"


def _named(change: SiteChange) -> str:
    """The overlay's line with its reason and owner."""
    what = "disabled" if change.kind == "disabled" else f"{change.kind} {change.written} made {change.local}"
    until = f" until {change.until}" if change.until else ""
    return f"{what} by the site ({change.place}): {change.reason} {change.owner}, {change.date}{until}"


def sanity(rules: Ruleset, as_of: str) -> tuple[str, ...]:
    """What is wrong with the most basic promises of any ruleset; nothing when they hold.

    A medicine that no table knows is shown as not recognised, a record without a list of medicines
    is not clear, and judging does not fail.
    """
    nonsense = {"id": "o1", "text": "xqzzyvb 3", "status": "active", "start": as_of}
    unknown = _screened({"orders": [nonsense], "conditions": [], "allergies": []}, rules, as_of)
    unlisted = _screened({}, rules, as_of)
    found = [f"judging failed: {e.message}" for r in (unknown, unlisted) for e in r.errors]
    if not rules.program.rules:
        found.append("there is no rule in it")
    if unknown.is_clear or not unknown.unrecognised:
        found.append("a medicine that no table knows is not shown as unrecognised")
    if unlisted.is_clear:
        found.append("a record without a list of medicines is clear")
    return tuple(found)


def _screened(facts: dict[str, Any], rules: Ruleset, as_of: str) -> Report:
    return screen(Patient.model_validate({"id": "selftest", **facts}), rules, as_of=as_of)


def failed(proofs: Sequence[Proof]) -> tuple[Proof, ...]:
    """The items that do not hold, without those whose rule is still to be written."""
    return tuple(proof for proof in proofs if not proof.ok and not proof.waits)
