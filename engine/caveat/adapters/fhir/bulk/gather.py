"""Plain resources of a block of lines into sheets, a column at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress, repeat
from typing import Any, Final

from msgspec import Raw

from caveat.adapters.fhir.bulk import sheets, thin
from caveat.adapters.fhir.bulk.known import ODD, UNVERSIONED, Tables, measurable, misstated, named
from caveat.adapters.fhir.bulk.place import Places
from caveat.adapters.fhir.bulk.recall import Text

STATUSES: Final = ("final", "amended", "corrected")
_STATUS: Final = {name: number for number, name in enumerate(STATUSES)}
_LONGEST: Final = 64
_VALUE: Final = b'{"value":'
_BEGIN: Final = len(_VALUE)
_NEW: Final = b"\n"
TAKEN: Final = frozenset(thin.THIN.values())


class Gather:
    """Enters what is plain into the sheets of `spilt`."""

    def __init__(self, tables: Tables, places: Places, spilt: sheets.Sheets) -> None:
        self.tables, self._places, self._sheets = tables, places, spilt
        self._takers: dict[Any, Any] = {
            thin.THIN["Observation"]: self._observations,
            thin.THIN["MedicationRequest"]: self._orders,
            thin.THIN["Condition"]: self._conditions,
        }

    def take(
        self, found: Sequence[Any], text: Text, line: int, file: int, group: int
    ) -> tuple[dict[str, int], list[int]]:
        """How many of each type were entered, and the places of those that were not.

        `found` are the resources as the decoder first sees them, None for what it cannot; `line` is
        that of the first.
        """
        kinds: set[Any] = set(map(type, found))
        entered: dict[str, int] = {}
        left: list[int] = []
        for kind in kinds:
            taker = self._takers.get(kind)
            several = len(kinds) > 1
            at = (
                [number for number, one in enumerate(found) if type(one) is kind]
                if several
                else range(len(found))
            )
            if taker is None:
                left += at
                continue
            some = [found[number] for number in at] if several else found
            out = taker(some, at, text, line, file, group)
            entered[kind.__struct_config__.tag] = len(some) - len(out)
            left += [at[number] for number in out]
        left.sort()
        return entered, left

    def _owners(self, some: Sequence[Any]) -> list[int]:
        keys = _split([one.subject for one in some])
        owners = self._sheets.owners
        found: list[Any] = list(map(owners.get, keys))
        if None in found:
            for at, one in enumerate(found):
                if one is None:
                    key = keys[at]
                    number = owners.get(key)
                    if number is None:
                        name = named(key)
                        bucket = 0 if name is None else self._places.whose(name)
                        number = self._sheets.owner(key, name, bucket)
                    found[at] = number
        return found

    def _versions(self, some: Sequence[Any], bad: set[int]) -> tuple[list[str | None], list[str | None]]:
        metas = [one.meta for one in some]
        joined, first = _NEW.join(metas), bytes(metas[0])
        if joined == _NEW.join([first] * len(metas)):
            found = self.tables.versions([first]) * len(metas)
        else:
            found = self.tables.versions(joined.split(_NEW))
        if found.count(UNVERSIONED) == len(found):
            return [None] * len(found), [None] * len(found)
        if ODD in found:
            bad.update(number for number, one in enumerate(found) if one is ODD)
        return [one[0] for one in found], [one[1] for one in found]

    def _enter(
        self,
        kind: str,
        file: int,
        group: int,
        bad: set[int],
        columns: Sequence[Sequence[Any]],
    ) -> list[int]:
        """Enters rows but for the bad ones, whose places are returned."""
        sheet = self._sheets.of[kind]
        if not bad:
            sheet.add(file, group, *columns)
            return []
        kept = [number not in bad for number in range(len(columns[0]))]
        sheet.add(file, group, *(list(compress(one, kept)) for one in columns))
        return sorted(bad)

    def _observations(
        self,
        some: Sequence[thin.ThinObservation],
        at: Sequence[int],
        text: Text,
        line: int,
        file: int,
        group: int,
    ) -> list[int]:
        ids = [one.id for one in some]
        who = self._owners(some)
        concept = self.tables.concept_numbers(_split([one.code for one in some]))
        dates = [one.effective_date_time for one in some]
        states = [one.status for one in some]
        bad = _unnamed(ids) | _below(who) | _below(concept)
        undated = self.tables.dates.undated(dates)
        if undated:
            bad.update(number for number, one in enumerate(dates) if one in undated)
        state = list(map(_STATUS.get, states, repeat(-1)))
        bad |= _below(state)
        form, numbers = self._values(some, bad)
        bad |= _below(form)
        updated, version = self._versions(some, bad)
        issued = [one.issued for one in some]
        columns = (_lines(at, line), who, ids, updated, version, state, concept, form, numbers, dates, issued)
        return self._enter("Observation", file, group, bad, columns)

    def _values(self, some: Sequence[thin.ThinObservation], bad: set[int]) -> tuple[list[int], list[bytes]]:
        """Form and numbers of each value; the form of one that is not plain is below 0."""
        absent, tables = thin.ABSENT, self.tables
        quantities = _split([one.value_quantity for one in some])
        halves = [one.partition(b",") for one in quantities]
        form = tables.unit_numbers([one[2] for one in halves])
        heads = [one[0] for one in halves]
        numbers = [one[_BEGIN:] for one in heads]
        usual = [one >= 0 for one in form]
        singles = list(compress(numbers, usual))
        joined = _NEW.join(compress(heads, usual))
        if b" " in joined:
            numbers = [one.strip() for one in numbers]
        if joined.count(_VALUE) != len(singles) or not measurable(singles):
            for number, ok in enumerate(usual):
                if ok and not (heads[number].startswith(_VALUE) and measurable([numbers[number]])):
                    form[number] = -1
        more = [
            number
            for number, one in enumerate(some)
            if not (
                one.component is absent
                and one.value_codeable_concept is absent
                and one.value_string is absent
                and one.data_absent_reason is absent
            )
        ]
        panels: list[int] = []
        for number in more:
            one = some[number]
            form[number] = -1
            if one.component is not absent and one.value_quantity is absent and not _answers(one):
                panels.append(number)
        if panels:
            found, texts = tables.panels(_split([some[number].component for number in panels]))
            for number, is_known, text in zip(panels, found, texts, strict=True):
                form[number], numbers[number] = is_known, text
        answers = [
            number
            for number, one in enumerate(form)
            if one < 0 and number not in bad and some[number].component is absent
        ]
        words = [number for number in answers if not quantities[number]]
        if words:
            for number, is_known in zip(words, tables.answers([some[one] for one in words]), strict=True):
                form[number], numbers[number] = is_known, b""
        for number in answers:
            if quantities[number] and not _answers(some[number]):
                form[number], numbers[number] = tables.turned(quantities[number])
        return form, numbers

    def _orders(
        self, some: Sequence[thin.ThinOrder], at: Sequence[int], text: Text, line: int, file: int, group: int
    ) -> list[int]:
        ids = [one.id for one in some]
        who = self._owners(some)
        template = self.tables.order_numbers(some, lambda number: text(at[number]))
        authored = [one.authored_on for one in some]
        bad = _unnamed(ids) | _below(who) | _below(template) | self._misdated(authored)
        reasons = _split([one.reason_reference for one in some])
        bad |= misstated(reasons)
        updated, version = self._versions(some, bad)
        columns = (
            _lines(at, line),
            who,
            ids,
            updated,
            version,
            template,
            authored,
            [one or None for one in reasons],
        )
        return self._enter("MedicationRequest", file, group, bad, columns)

    def _conditions(
        self,
        some: Sequence[thin.ThinCondition],
        at: Sequence[int],
        text: Text,
        line: int,
        file: int,
        group: int,
    ) -> list[int]:
        ids = [one.id for one in some]
        who = self._owners(some)
        template = self.tables.condition_numbers(some, lambda number: text(at[number]))
        onset = [one.onset_date_time for one in some]
        abatement = [one.abatement_date_time for one in some]
        recorded = [one.recorded_date for one in some]
        bad = _unnamed(ids) | _below(who) | _below(template)
        bad |= self._misdated(onset) | self._misdated(abatement) | self._misdated(recorded)
        updated, version = self._versions(some, bad)
        columns = (_lines(at, line), who, ids, updated, version, template, onset, abatement, recorded)
        return self._enter("Condition", file, group, bad, columns)

    def _misdated(self, dates: Sequence[str | None]) -> set[int]:
        """The places of what is stated and no date as it stands."""
        undated = self.tables.dates.undated(dates) - {None}
        return {number for number, one in enumerate(dates) if one in undated} if undated else set()


def _answers(one: thin.ThinObservation) -> bool:
    """Whether a value that is no quantity is stated, or why there is none."""
    absent = thin.ABSENT
    return not (
        one.value_codeable_concept is absent
        and one.value_string is absent
        and one.data_absent_reason is absent
    )


def _lines(at: Sequence[int], first: int) -> Sequence[int]:
    if isinstance(at, range):
        return range(first + at.start, first + at.stop)
    return [first + number for number in at]


def _split(parts: Sequence[Raw]) -> list[bytes]:
    """The bytes of each part; none holds a line break."""
    return _NEW.join(parts).split(_NEW)


def _below(numbers: Sequence[int]) -> set[int]:
    return set() if min(numbers) >= 0 else {at for at, one in enumerate(numbers) if one < 0}


def _unnamed(ids: Sequence[str]) -> set[int]:
    sizes = list(map(len, ids))
    if min(sizes) > 0 and max(sizes) <= _LONGEST:
        return set()
    return {at for at, one in enumerate(sizes) if not 0 < one <= _LONGEST}
