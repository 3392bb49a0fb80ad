"""What a report says of the record as a whole: names not recognised, oddities, what no rule is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from caveat.compile.ruleset import Ruleset
from caveat.compile.site import NOTES
from caveat.evaluators.assemble import RECENT, paired
from caveat.evaluators.columnar.arrays import field, lists, words
from caveat.evaluators.columnar.facts import Facts
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.numbers import OLDEST
from caveat.facts.observed import observed
from caveat.facts.patient import Measurement, Patient
from caveat.findings.report import Report

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = ("medication", "allergy", "condition")


class Whole:
    """The record as a whole, a patient each; `hard` are those that must be judged one at a time."""

    def __init__(self, facts: Facts, covered: frozenset[str], rules: Ruleset) -> None:
        import numpy as np

        self.facts, self._rules = facts, rules
        count = facts.count
        self.hard = np.zeros(count, np.bool_)
        self.notes = np.zeros(count, np.int64)
        self._told: dict[int, Report] = {}
        self._names: list[tuple[int, int, int, str, str | None]] = []
        self._given()
        self._entries: list[tuple[Any, Any, int, list[str | None]]] = []
        self.uncovered, self.uncovered_counts = self._uncovered(covered)
        self._orders()
        self._allergies()
        self._conditions()
        self._observations()
        self._ages()

    def _given(self) -> None:
        """Notes and problems that the record carries already."""
        import numpy as np

        notes = lists(self.facts.batch.column("notes"))
        if notes.count:
            counts = field(notes.items, "count").fill_null(1).to_numpy(zero_copy_only=False)
            np.add.at(self.notes, notes.rows, counts)
        self.problems = lists(self.facts.batch.column("problems"))

    def tell(self, row: int, report: Report) -> None:
        """Take what is said of a record as a whole from its report."""
        self._told[row] = report
        self.notes[row] = sum(note.count for note in report.notes if note.code not in NOTES)

    def errors(self) -> Any:
        """The problems that the record carries or that its report tells, a list a patient."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        items = self.problems.items
        names = ("code", "message", "path", "value")
        given = {name: field(items, name) for name in names}
        for name in ("path", "value"):
            given[name] = pc.if_else(pc.equal(given[name], ""), None, given[name])
        found = pa.StructArray.from_arrays([given[name] for name in names], names=list(names))
        rows = self.problems.rows
        if self._told:
            kept = ~np.isin(rows, list(self._told))
            more = [(row, error) for row, report in self._told.items() for error in report.errors]
            extra = [
                {"code": e.code, "message": e.message, "path": e.path or None, "value": e.value or None}
                for _, e in more
            ]
            found = pa.concat_arrays([found.filter(pa.array(kept)), pa.array(extra, found.type)])
            rows = np.concatenate([rows[kept], np.array([row for row, _ in more], np.int32)])
            order = np.argsort(rows, kind="stable")
            rows, found = rows[order], found.take(pa.array(order))
        ends = np.zeros(self.facts.count + 1, np.int32)
        np.cumsum(np.bincount(rows, minlength=self.facts.count), out=ends[1:])
        return pa.ListArray.from_arrays(pa.array(ends), found)

    def _of_products(self, table: Any) -> Any:
        import numpy as np

        codes = self.facts.orders.products.codes
        return table[codes] if len(table) else np.zeros(0, np.bool_)

    def _uncovered(self, covered: frozenset[str]) -> tuple[Any, dict[str, int]]:
        """Current orders with an ingredient that no rule is about, a patient; and orders by ingredient."""
        import numpy as np

        orders, catalogue = self.facts.orders, self.facts.known.catalogue
        lone = ~catalogue.among(covered)
        at, held = orders.held
        some = np.flatnonzero(lone[held])
        at, held = at[some], held[some]
        # an order of several such ingredients is one order
        rows = orders.rows[at if len(at) < 2 else at[np.append(True, at[1:] != at[:-1])]]
        totals = np.bincount(held, minlength=len(lone))
        by_name = {catalogue.names[place]: int(totals[place]) for place in np.flatnonzero(totals).tolist()}
        return np.bincount(rows, minlength=self.facts.count), by_name

    def _orders(self) -> None:
        """Orders not recognised: current or lately ended ones are named, older ones noted."""
        import numpy as np

        orders = self.facts.orders
        products = orders.products
        counted = orders.current | orders.ended
        self._note(orders.rows[self._of_products(products.conflicting) & counted])
        gathered = products.gathered.copy()
        for place in np.flatnonzero(gathered).tolist():
            gathered[place] = bool(paired(products.views[place].ingredients, self._rules))
        self.hard[orders.rows[self._of_products(gathered) & orders.current]] = True
        odd = np.flatnonzero(self._of_products(products.unrecognised) & counted)
        if not len(odd):
            return
        stop, start = orders.stop.at(odd), orders.start.at(odd)
        last = np.where(stop.known, stop.last, start.last)
        recent = orders.current[odd] | (last == 0) | (last >= self.facts.as_of - RECENT)
        self._note(orders.rows[odd[~recent]])
        shown = odd[recent]
        each = products.each
        self._add(
            orders.rows[shown], shown, 0, [each[code].name or None for code in products.codes[shown].tolist()]
        )

    def _allergies(self) -> None:
        import numpy as np

        allergies = self.facts.allergies
        at = np.flatnonzero(allergies.unrecognised)
        if len(at):
            names = [allergies.names[code] for code in allergies.concepts.codes[at].tolist()]
            self._add(allergies.rows[at], at, 1, list(names))

    def _conditions(self) -> None:
        import numpy as np

        conditions = self.facts.conditions
        self._note(conditions.rows[conditions.future])
        at = np.flatnonzero(conditions.unrecognised)
        if not len(at):
            return
        names = [conditions.names[code] for code in conditions.concepts.codes[at].tolist()]
        seen: set[tuple[int, str]] = set()
        kept = []
        for place, key in enumerate(zip(conditions.rows[at].tolist(), names, strict=True)):
            if key not in seen:
                seen.add(key)
                kept.append(place)
        self._add(conditions.rows[at[kept]], at[kept], 2, [names[place] for place in kept])

    def _observations(self) -> None:
        """Unlikely values and values of after the day are notes; impossible ones are judged alone."""
        import numpy as np

        found = self.facts.observations
        if found.lists.count:
            odd, strange = found.odd
            self.hard[found.lists.rows[strange]] = True
            self._note(found.lists.rows[found.future & ~strange])
            codes, known = found.concepts
            for place in np.flatnonzero(odd & ~strange).tolist():
                self._judge_odd(known[codes[place]], found._quantities.at(place), found.lists.rows[place])
        for name, (quantities, _, _, _, _, odd) in found.stated.items():
            for place in np.flatnonzero(odd).tolist():
                self._judge_odd(name, quantities.at(place), place)

    def _ages(self) -> None:
        """What is said of an age that cannot be, or is unlikely, depends on whether a rule asks for it."""
        birth, today = self.facts.birth, self.facts.as_of
        self.hard |= birth.known & ((birth.first > today) | (birth.last < today - OLDEST * 365))
        said = self.facts.stated("age", "a")
        if said is not None:
            self.hard[said.rows] |= said.odd

    def _judge_odd(self, concept: str, quantity: Any, row: int) -> None:
        """What an odd value says, by the code that reads a single record."""
        key = (concept, quantity)
        memo = self.facts.known.odd
        if key not in memo:
            entry = Observation.model_construct(concept=concept, value=quantity)
            patient = Patient.model_construct(id="", observations=(entry,))
            if concept not in self.facts.known.terminology.tables.observations:
                stated: dict[str, Any] = {concept: Measurement.model_construct(value=quantity)}
                patient = Patient.model_construct(id="", **stated)
            chart = Chart(patient, self.facts.known.terminology, as_of=self.facts.as_of)
            unused = any(one.interval is None for found in observed(chart).values() for one in found)
            memo[key] = len(chart.notes), unused or bool(chart.problems)
        notes, impossible = memo[key]
        self.notes[row] += notes
        self.hard[row] |= impossible

    def _note(self, rows: Any) -> None:
        import numpy as np

        if len(rows):
            self.notes += np.bincount(rows, minlength=self.facts.count)

    def _add(self, rows: Any, entries: Any, kind: int, names: list[str | None]) -> None:
        self._entries.append((rows, entries, kind, names))

    def unrecognised(self) -> tuple[Any, pa.StructArray]:
        """How many names a patient are not recognised, and all of them in the order of a report."""
        import numpy as np
        import pyarrow as pa

        count = self.facts.count
        for row, report in self._told.items():
            for place, name in enumerate(report.unrecognised):
                self._names.append((row, KINDS.index(name.kind), place, name.text, name.id or None))
        if not self._entries and not self._names:
            empty = pa.array([], pa.string())
            names = ["text", "kind", "id"]
            return np.zeros(count, np.int64), pa.StructArray.from_arrays([empty, empty, empty], names=names)
        rows = np.concatenate([*(entry[0] for entry in self._entries), [n[0] for n in self._names]])
        rows = rows.astype(np.int32)
        kinds = np.concatenate(
            [*(np.full(len(entry[0]), entry[2]) for entry in self._entries), [n[1] for n in self._names]]
        ).astype(np.int32)
        texts: list[str | None] = [name for entry in self._entries for name in entry[3]]
        texts += [name[3] for name in self._names]
        ids: list[str | None] = []
        for _, places, kind, _ in self._entries:
            ids += self._ids(places, kind)
        ids += [name[4] for name in self._names]
        for place, text in enumerate(texts):
            if text is None:
                texts[place] = ids[place]  # an order that names nothing is shown by its id
        if self._told:
            told = np.isin(rows, list(self._told))
            told[len(rows) - len(self._names) :] = False
            kept = np.flatnonzero(~told)
            rows, kinds = rows[kept], kinds[kept]
            texts, ids = [texts[k] for k in kept.tolist()], [ids[k] for k in kept.tolist()]
        order = np.lexsort((np.arange(len(rows)), kinds, rows))
        words = [KINDS[kind] for kind in kinds.tolist()]
        found = pa.StructArray.from_arrays(
            [pa.array(texts, pa.string()), pa.array(words, pa.string()), pa.array(ids, pa.string())],
            names=["text", "kind", "id"],
        )
        return np.bincount(rows, minlength=count), found.take(pa.array(order))

    def _ids(self, places: Any, kind: int) -> list[str | None]:
        import pyarrow as pa

        if kind == 2:
            return [None] * len(places)
        if kind == 0:
            found: list[str | None] = field(self.facts.orders.items, "id").take(pa.array(places)).to_pylist()
            return found
        return allergy_ids(self.facts, places)


def allergy_ids(facts: Facts, places: Any) -> list[str | None]:
    """The ids of some allergies as `caveat.facts.allergies` gives them."""
    import numpy as np
    import pyarrow as pa

    allergies = facts.allergies
    ids = words(field(allergies.items, "id"))
    kept = ~allergies.refuted & (ids.codes >= 0)
    keys = allergies.rows[kept].astype(np.int64) * ids.width + ids.codes[kept]
    if len(np.unique(keys)) < len(keys):
        return [_allergy_id(facts, int(place)) for place in places]
    found: list[str | None] = field(allergies.items, "id").take(pa.array(places)).to_pylist()
    first = allergies.lists.starts[allergies.rows[places]]
    return [
        text or f"allergy-{place - low + 1}"
        for text, place, low in zip(found, places.tolist(), first.tolist(), strict=True)
    ]


def _allergy_id(facts: Facts, place: int) -> str:
    """The id of an allergy where two of a record have the same."""
    allergies = facts.allergies
    low = int(allergies.lists.starts[allergies.rows[place]])
    ids = field(allergies.items, "id")
    seen: set[str] = set()
    identifier = ""
    for other in range(low, place + 1):
        if allergies.refuted[other]:
            continue
        identifier = ids[other].as_py() or f"allergy-{other - low + 1}"
        if identifier in seen:
            identifier = f"{identifier}#{other - low + 1}"
        seen.add(identifier)
    return identifier
