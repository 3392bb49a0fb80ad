"""The facts of a batch as columns, each worked out when a rule first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import Leaf
from caveat.evaluators.columnar.amounts import Amounts, Combinations
from caveat.evaluators.columnar.arrays import field as child
from caveat.evaluators.columnar.arrays import flags, valid, words
from caveat.evaluators.columnar.catalogue import Catalogue
from caveat.evaluators.columnar.days import EPOCH, Days, days
from caveat.evaluators.columnar.index import ByIngredient
from caveat.evaluators.columnar.measured import Observations
from caveat.evaluators.columnar.orders import Orders
from caveat.evaluators.columnar.problems import Allergies, Concepts, Conditions
from caveat.evaluators.columnar.said import Said, stated
from caveat.evaluators.columnar.scales import Scales
from caveat.evaluators.columnar.truths import Truths
from caveat.facts.identify import Selection
from caveat.facts.numbers import OLDEST
from caveat.intervals import Interval
from caveat.terminology.concepts import Terminology
from caveat.units import parse_unit

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Ints

UNKNOWN_AGE = -1
YEAR = parse_unit("a").factor
COMPLETENESS = ("closed", "open", "unknown")


class Known:
    """What was looked up in the terminology so far; shared by every batch."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.catalogue = Catalogue(terminology)
        self.concepts = Concepts(terminology)
        self.scales = Scales(terminology)
        self.amounts = Amounts(terminology)
        self.odd: dict[Any, tuple[int, bool]] = {}
        """Notes that an odd value gives, and whether it is impossible, by concept and value."""
        self.said: dict[Any, Any] = {}
        """Stated ages and lengths of pregnancies, by their wording."""

    def trim(self) -> None:
        """Forget what was met when it is too much; between batches only."""
        if self.catalogue.trim() or self.amounts.is_full:
            self.odd.clear()
            self.said.clear()
            self.amounts.clear()  # its combinations are named by the numbers of the catalogue


@dataclass(slots=True, eq=False)
class Frame:
    """The subjects of some rules: `rows` is the patient of each, `first` and `second` its orders.

    `allergy` is the entry of the allergy list, -1 where the list is not known. Leaves are judged
    once a frame.
    """

    rows: Ints
    first: Any = None
    second: Any = None
    allergy: Any = None
    overlaps: Any = None
    leaves: dict[Leaf, Truths] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many subjects there are."""
        return len(self.rows)

    def at(self, places: Any) -> Frame:
        """Some of the subjects, as a frame of their own."""

        def of(part: Any) -> Any:
            return None if part is None else part[places]

        return Frame(self.rows[places], of(self.first), of(self.second), of(self.allergy), of(self.overlaps))

    def orders(self, which: int) -> Any:
        """The judged orders, or the second ones of pairs."""
        return self.second if which else self.first


class Facts:
    """A batch of patients as the kernels ask for it."""

    def __init__(self, batch: pa.RecordBatch, known: Known, as_of: int, selection: Selection) -> None:
        self.batch = batch
        self.known = known
        self.as_of = as_of
        self.selection = selection
        self.memo: dict[Any, Any] = {}

    def release(self) -> None:
        """Let go of what was worked out; it names these facts in turn and would wait for the collector."""
        self.memo.clear()
        self.__dict__.clear()

    @property
    def count(self) -> int:
        """Patients in the batch."""
        found: int = self.batch.num_rows
        return found

    @cached_property
    def orders(self) -> Orders:
        """The orders."""
        return Orders(self.batch.column("orders"), self.known.catalogue, self.as_of, self.selection)

    def combinations(self, kind: str = "amounts") -> Combinations:
        """The combinations of product and amounts of the orders, or of their strength alone."""
        key = ("combinations", kind)
        if key not in self.memo:
            self.memo[key] = Combinations(self.orders, kind)
        found: Combinations = self.memo[key]
        return found

    def by_ingredient(self, kind: str) -> ByIngredient:
        """The orders that are `current`, `ended` or `counted`, by the ingredients they hold."""
        key = ("by ingredient", kind)
        if key not in self.memo:
            self.memo[key] = ByIngredient(self.orders, getattr(self.orders, kind))
        found: ByIngredient = self.memo[key]
        return found

    @cached_property
    def conditions(self) -> Conditions:
        """The conditions."""
        return Conditions(self.batch.column("conditions"), self.known.concepts, self.as_of)

    @cached_property
    def allergies(self) -> Allergies:
        """The allergies."""
        return Allergies(self.batch.column("allergies"), self.known.concepts, self.known.catalogue)

    @cached_property
    def observations(self) -> Observations:
        """The observations and stated values."""
        return Observations(self.batch, self.known.scales, self.as_of)

    def listed(self, name: str) -> Bools:
        """Patients that have the list at all."""
        key = ("listed", name)
        if key not in self.memo:
            self.memo[key] = valid(self.batch.column(name))
        found: Bools = self.memo[key]
        return found

    def completeness(self, name: str) -> Any:
        """How complete the list is: 0 closed, 1 open, 2 unknown."""
        import numpy as np

        key = ("complete", name)
        if key not in self.memo:
            found = words(child(self.batch.column("complete"), name))
            # not stated is the default of the record: open
            table = [COMPLETENESS.index(text) if text else 1 for text in found.texts()]
            self.memo[key] = np.array(table, np.int8)[found.codes]
        return self.memo[key]

    @cached_property
    def birth(self) -> Days:
        """The date of birth."""
        return days(self.batch.column("birth_date"))

    @cached_property
    def years(self) -> tuple[Ints, Ints, Bools]:
        """Completed years, least and most (-1 unknown), and where they are not plain."""
        import numpy as np

        birth = self.birth
        hard = birth.known & (birth.last > self.as_of)
        low, high = birth.each(self._completed)
        unknown = ~birth.known | hard
        low[unknown] = high[unknown] = UNKNOWN_AGE
        said = self.stated("age", "a")
        if said is not None:
            ends = [(-1, -1) if one is None else _whole(one) for one in said.each]
            least, most = np.array(ends, np.int32).T
            low[said.rows], high[said.rows] = least[said.codes], most[said.codes]
            hard[said.rows] |= said.odd | (said.known & (least[said.codes] < 0))
        return low, high, hard | (low > OLDEST)

    def stated(self, name: str, unit: str) -> Said | None:
        """An age or a gestation that is stated as such; None where nobody states one."""
        key = ("stated", name, unit)
        if key not in self.memo:
            column = self.batch.column(name)
            some = column.null_count < len(column)
            self.memo[key] = stated(column, name, unit, self.known, self.as_of) if some else None
        found: Said | None = self.memo[key]
        return found

    def _completed(self, born: Ints) -> Ints:
        """Completed years at the day of those born on some days."""
        import numpy as np

        day = (born.astype(np.int64) - EPOCH).astype("datetime64[D]")
        month = day.astype("datetime64[M]")
        year = month.astype("datetime64[Y]")
        today = np.array([self.as_of - EPOCH]).astype("datetime64[D]")
        this_month = today.astype("datetime64[M]")
        this_year = this_month.astype("datetime64[Y]")
        months = (month - year).astype(np.int64)
        within = (day - month).astype(np.int64)
        now = ((this_month - this_year).astype(np.int64) * 32 + (today - this_month).astype(np.int64))[0]
        lived = (this_year - year).astype(np.int64) - (now < months * 32 + within)
        found: Ints = lived.astype(np.int32)
        return found

    def flag(self, name: str) -> Ints:
        """A yes or no of the patient: 1, 0, or -1 where it is not recorded."""
        key = ("flag", name)
        if key not in self.memo:
            self.memo[key] = flags(self._column(name))
        found: Ints = self.memo[key]
        return found

    def word(self, name: str, values: tuple[str, ...]) -> Any:
        """A word of the patient as its place in `values`, -1 where it is not recorded."""
        import numpy as np

        key = ("word", name, values)
        if key not in self.memo:
            found = words(self._column(name))
            table = [values.index(text) if text in values else -1 for text in found.texts()]
            self.memo[key] = np.array(table, np.int32)[found.codes]
        return self.memo[key]

    def _column(self, name: str) -> Any:
        if name.startswith("context."):
            return child(self.batch.column("context"), name.removeprefix("context."))
        return self.batch.column(name)

    @cached_property
    def pump(self) -> Days:
        """The last refill of the pump."""
        return days(self._column("context.pump_refilled"))


def _whole(lived: Interval) -> tuple[int, int]:
    """Least and most completed years; -1 where an end is open."""
    if lived.low is None or lived.high is None:
        return UNKNOWN_AGE, UNKNOWN_AGE
    return int(lived.low / YEAR), int(lived.high / YEAR)
