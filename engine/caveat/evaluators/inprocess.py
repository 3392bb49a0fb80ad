"""The default evaluator: compiled closures, chosen by the ingredients that are present.

What a record costs follows its orders, not the number of rules: rules are found by ingredient,
interactions by the partners that are taken too. Statuses are computed at once; what a finding rests
on is traced by the reference evaluator when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from threading import Lock

from caveat.compile.program import Program
from caveat.evaluators.any_order import NOBODY, AnyOrder
from caveat.evaluators.closures import Closures, ClosuresOfNobody
from caveat.evaluators.closures_of_lists import touched
from caveat.evaluators.concluding import Found, Traced, by_reference, conclude, judge_subject
from caveat.evaluators.groups import WRITTEN_AFTER, Group, Quiet, ask_whole
from caveat.evaluators.outcome import BARE, Outcome
from caveat.evaluators.sheets import Entry, Hit, laid_out
from caveat.evaluators.subjects import PATIENT, Subject, of_orders, sharing, subjects
from caveat.facts.allergies import allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, overlap
from caveat.findings.severity import Status
from caveat.truth import FALSE, TRUE

NAME = "inprocess"
LARGEST_PRODUCT = 50_000
"""Pairs of ingredients past which a rule is looked up by its first side alone."""


class About:
    """Every rule that names one ingredient, by what it is judged for."""

    __slots__ = ("allergies", "orders", "pairs", "partners", "patients", "quiet", "stopped", "wide")

    def __init__(self) -> None:
        self.orders: Group | None = None
        self.quiet: Quiet = None
        self.stopped: Group | None = None
        self.allergies: tuple[Entry, ...] = ()
        self.patients: Group | None = None
        self.pairs: dict[str, tuple[Entry, ...]] = {}
        self.partners: set[str] = set()
        self.wide: tuple[Entry, ...] = ()


class InprocessEvaluator:
    """Compiled as its ingredients are met; holds no state of any record and may be shared between threads."""

    name = NAME

    def __init__(self, program: Program, written_after: int = WRITTEN_AFTER) -> None:
        self.program = program
        self._written_after = written_after
        self._closures = closures = Closures()
        self._named: dict[str, list[int]] = {}
        self._about: dict[str, About | None] = {}
        self._entries: dict[int, Entry] = {}
        self._sharing: list[Entry] = []
        self._of_any: list[AnyOrder] = []
        self._of_everyone: list[Entry] = []
        of_nobody = ClosuresOfNobody()
        for index, rule in enumerate(program.rules):
            if rule.subject == "patient" and not rule.first:
                self._of_everyone.append(self._entry(index))
            if rule.share == "ingredient":
                self._sharing.append(self._entry(index))
                continue
            if rule.of_any:
                self._of_any.append(AnyOrder(index, rule, closures, of_nobody))
            for name in rule.first:
                self._named.setdefault(name, []).append(index)
        subjects_asked = {rule.subject for rule in program.rules if rule.first}
        self._pairs = "pair" in subjects_asked
        self._allergies = "allergy" in subjects_asked
        self._patients = "patient" in subjects_asked
        self._everyone = laid_out(self._of_everyone, closures) if self._of_everyone else None

    def about(self, name: str) -> About | None:
        """The rules that name an ingredient, compiled when it is first met; None when there is none."""
        found: About | None = None
        if name in self._named:
            found = About()
            for index in self._named[name]:
                _place(found, self._entry(index), self._group)
            if found.orders is not None:
                found.quiet = found.orders.quiet()
        self._about[name] = found
        return found

    def _group(self) -> Group:
        return Group(self._closures, self._written_after)

    def _entry(self, index: int) -> Entry:
        """A rule compiled, once for all its ingredients."""
        found = self._entries.get(index)
        if found is None:
            rule = self.program.rules[index]
            self._entries[index] = found = Entry.of(index, rule, self._closures)
        return found

    def outcomes(self, chart: Chart) -> list[Outcome]:
        """Every outcome but "not met" and "out of scope", in the order of the rules and of the record."""
        found: Found = []
        about = self._about
        current = chart.current
        taken: list[tuple[int, About]] = []
        for place, view in enumerate(current):
            names = view.ingredients
            if len(names) == 1:
                name = names[0]
                rules = about[name] if name in about else self.about(name)
                if rules is not None:
                    taken.append((place, rules))
                    quiet = rules.quiet
                    if quiet is not None:
                        try:
                            for read, low, high in quiet:
                                value = read(chart, view)
                                if value is None or not low < value < high:
                                    break
                            else:
                                continue
                        except Exception:  # judged, and so said, below
                            pass
                    if rules.orders is not None:
                        _judge_group(rules.orders, chart, view, None, found)
                continue
            for name in names:
                rules = about[name] if name in about else self.about(name)
                if rules is not None:
                    taken.append((place, rules))
            if names:
                groups = [g for name in names if (of := about[name]) is not None and (g := of.orders)]
                _judge_mixture(groups, chart, view, found)
        for view in chart.ended:
            known = [about[name] if name in about else self.about(name) for name in view.ingredients]
            groups = [group for rules in known if rules is not None and (group := rules.stopped)]
            _judge_mixture(groups, chart, view, found)
        if taken:
            if self._pairs and len(current) > 1:
                _judge_pairs(taken, chart, found)
            if self._patients:
                _judge_patient(taken, chart, found)
        if self._of_any or (taken and self._allergies):
            _judge_allergies(taken, self._of_any, chart, found)
        if self._sharing and chart.repeated:
            _judge_sharing(self._sharing, chart, found)
        if self._everyone is not None:
            self._judge_everyone(chart, found)
        if len(found) > 1:
            found.sort(key=itemgetter(0))
        return [outcome for _, outcome in found]

    def _judge_everyone(self, chart: Chart, found: Found) -> None:
        hits: list[Hit] = []
        try:
            assert self._everyone is not None
            self._everyone.ask(chart, None, TRUE, hits)
        except Exception:
            by_reference(self._of_everyone, chart, PATIENT, found)
            return
        for entry, truth in hits:
            conclude(entry, chart, PATIENT, truth, found)


def _place(rules: About, entry: Entry, group: Callable[[], Group]) -> None:
    """Put a rule beside the others of one of its ingredients."""
    rule = entry.rule
    if rule.subject == "pair":
        if len(rule.first) * len(rule.second) > LARGEST_PRODUCT:
            rules.wide += (entry,)
            return
        rules.partners.update(rule.second)
        for other in rule.second:
            rules.pairs[other] = (*rules.pairs.get(other, ()), entry)
    elif rule.subject == "patient":
        rules.patients = rules.patients or group()
        rules.patients.add(entry)
    elif rule.subject == "allergy":
        rules.allergies += (entry,)
    elif rule.subject == "order":
        rules.orders = rules.orders or group()
        rules.orders.add(entry)
    else:
        rules.stopped = rules.stopped or group()
        rules.stopped.add(entry)


def _judge_group(
    group: Group, chart: Chart, view: OrderView | None, subject: Subject | None, found: Found
) -> None:
    """The rules of one ingredient, for the patient or for an order (whose subject is made when needed)."""
    hits: list[Hit] = []
    try:
        group.ask(chart, view, hits)
        if group.by_set is not None and (called_for := group.called_for(chart)):
            ask_whole(called_for, chart, view, hits)
    except Exception:
        by_reference(group.entries, chart, subject or Subject((view,) if view else ()), found)
        return
    if hits:
        if subject is None:
            subject = of_orders((view,) if view else ())
        for entry, truth in hits:
            if entry.unless:
                conclude(entry, chart, subject, truth, found)
            else:
                found.append((entry.index, Traced(entry.rule, subject, BARE[truth], chart)))


def _judge_mixture(groups: list[Group], chart: Chart, view: OrderView, found: Found) -> None:
    """The rules of every ingredient of an order, each rule once."""
    own: Found = []
    for group in groups:
        _judge_group(group, chart, view, None, own)
    found += dict(own).items() if len(groups) > 1 else own


def _judge_pairs(taken: list[tuple[int, About]], chart: Chart, found: Found) -> None:
    """The rules on two orders: by the partners that are taken too, in the order of the record."""
    current, places = chart.current, chart.places
    asked: dict[tuple[int, int, int], Entry] = {}
    for i, rules in taken:
        pairs = rules.pairs
        for name in rules.partners.intersection(places):
            for j in places[name]:
                if i != j:
                    for entry in pairs[name]:
                        asked[entry.index, i, j] = entry
        for entry in rules.wide:
            for j, other in enumerate(current):
                if i != j and not entry.second.isdisjoint(other.ingredients):
                    asked[entry.index, i, j] = entry
    for key in sorted(asked) if len(asked) > 1 else asked:
        _judge_pair(asked[key], chart, current[key[1]], current[key[2]], found)


def _judge_pair(entry: Entry, chart: Chart, one: OrderView, other: OrderView, found: Found) -> None:
    rule = entry.rule
    if rule.share and not (sharing(rule, one, other) and _are_counted(chart, one, other)):
        return
    together = overlap(one.order, other.order)
    if together == FALSE:
        return
    try:
        truth = TRUE if entry.always else entry.when(chart, one, other, None)
    except Exception:
        by_reference((entry,), chart, Subject((one, other), None, together), found)
        return
    if truth != FALSE:
        subject = of_orders((one, other), together)
        if entry.unless:
            conclude(entry, chart, subject, min(truth, together), found)
        else:
            found.append((entry.index, Traced(entry.rule, subject, BARE[min(truth, together)], chart)))


def _are_counted(chart: Chart, one: OrderView, other: OrderView) -> bool:
    """Whether neither is another order being carried out."""
    counted = chart.counted
    return counted is chart.current or (one in counted and other in counted)


def _judge_sharing(entries: list[Entry], chart: Chart, found: Found) -> None:
    """The rules on two orders of one ingredient, where there are two of any."""
    for entry in entries:
        for subject in subjects(entry.rule, chart):
            judge_subject(entry, chart, subject, found)


def _judge_allergies(
    taken: list[tuple[int, About]], of_any: list[AnyOrder], chart: Chart, found: Found
) -> None:
    patient = chart.patient
    if patient.allergies == () and patient.complete.allergies != "unknown":
        return
    listed = allergy_views(chart)
    if listed == () and patient.complete.allergies != "unknown":
        return
    known: frozenset[str] | None = None
    if listed is not None and patient.complete.allergies != "unknown":
        known = frozenset().union(*[allergy.ingredients for allergy in listed])
        if not known.isdisjoint(chart.places):
            known = None
    asked = {entry.index: entry for _, rules in taken for entry in rules.allergies}
    for entry in asked.values():
        # no allergy is to what is taken, nor to what is like it
        if known is not None and known.isdisjoint(entry.second):
            continue
        for subject in subjects(entry.rule, chart):
            judge_subject(entry, chart, subject, found)
    for rule in of_any:
        if known is not None and known.isdisjoint(rule.entry.second):
            continue
        for subject in rule.subjects(chart):
            if subject.orders:
                judge_subject(rule.entry, chart, subject, found)
            else:
                _judge_nobody(rule, chart, found)


def _judge_nobody(rule: AnyOrder, chart: Chart, found: Found) -> None:
    """A rule on every order for a record whose allergy list is not known."""
    own: Found = []
    plain = rule.settles and chart.patient.allergies is None
    if not (plain and rule.settled):
        judge_subject(rule.nobody, chart, NOBODY, own)
        if plain and all(outcome.status is not Status.ERROR for _, outcome in own):
            rule.settled = [own[0][1].status if own else Status.NOT_MET]
    elif rule.settled[0] is not Status.NOT_MET:
        entry = rule.entry
        own.append((entry.index, Traced(entry.rule, NOBODY, rule.settled[0], chart)))
    found += own


def _judge_patient(taken: list[tuple[int, About]], chart: Chart, found: Found) -> None:
    """The rules on the patient that some ingredient calls for, each once."""
    groups = [group for _, rules in taken if (group := rules.patients) is not None]
    if len(groups) < 2:
        for group in groups:
            _judge_group(group, chart, None, PATIENT, found)
        return
    hits: list[Hit] = []
    own: Found = []
    called_for: dict[Entry, None] = {}
    sets = touched(chart)
    for group in groups:
        if group.others:
            try:
                group.ask(chart, None, hits)
            except Exception:
                by_reference(group.entries, chart, PATIENT, own)
        by_set = group.by_set
        if by_set is None:
            continue
        if sets is None:
            called_for.update(dict.fromkeys(group.needing_a_condition))
        else:
            for name in sets:
                if name in by_set:
                    for entry in by_set[name]:
                        called_for[entry] = None
    if called_for:
        try:
            ask_whole(called_for, chart, None, hits)
        except Exception:
            by_reference(called_for, chart, PATIENT, own)
    if own:
        found += dict(own).items()
    judged = {index for index, _ in own}
    for entry, truth in hits:
        if entry.index not in judged:
            judged.add(entry.index)
            if entry.unless:
                conclude(entry, chart, PATIENT, truth, found)
            else:
                found.append((entry.index, Traced(entry.rule, PATIENT, BARE[truth], chart)))


_KEPT: dict[str, InprocessEvaluator] = {}
_LOCK = Lock()


def compiled(program: Program) -> InprocessEvaluator:
    """The evaluator of a program, compiled once; the last eight programs are kept by their digest."""
    found = _KEPT.get(program.digest)
    if found is None:
        found = InprocessEvaluator(program)
        with _LOCK:
            while len(_KEPT) >= 8:
                _KEPT.pop(next(iter(_KEPT)))
            _KEPT[program.digest] = found
    return found
