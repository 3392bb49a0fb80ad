"""The facts of a batch as columns, each worked out when a rule first asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from caveat.compile.nodes import Leaf
from caveat.evaluators.columnar.amounts import Amounts, Combinations
from caveat.evaluators.columnar.arrays import field as child
from caveat.evaluators.columnar.arrays import flags, floats, valid, words
from caveat.evaluators.columnar.days import EPOCH, Days, days
from caveat.evaluators.columnar.measured import Observations
from caveat.evaluators.columnar.orders import Catalogue, Orders
from caveat.evaluators.columnar.problems import Allergies, Concepts, Conditions
from caveat.evaluators.columnar.scales import Scales
from caveat.evaluators.columnar.truths import Truths
from caveat.facts.identify import Selection
from caveat.facts.numbers import OLDEST
from caveat.terminology.concepts import Terminology

if TYPE_CHECKING:
    import pyarrow as pa

    from caveat.evaluators.columnar.arrays import Bools, Ints

UNKNOWN_AGE = -1
COMPLETENESS = ("closed", "open", "unknown")


class Known:
    """What was looked up in the terminology so far; shared by every batch."""

    def __init__(self, terminology: Terminology) -> None:
        self.terminology = terminology
        self.catalogue = Catalogue(terminology)
        self.concepts = Concepts(terminology)
        self.scales = Scales(terminology)
        self.amounts = Amounts(terminology)

    def trim(self) -> None:
        """Forget what was met when it is too much; between batches only."""
        self.catalogue.trim()
        self.amounts.trim()


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

    @property
    def count(self) -> int:
        """Patients in the batch."""
        found: int = self.batch.num_rows
        return found

    @cached_property
    def orders(self) -> Orders:
        """The orders."""
        return Orders(self.batch.column("orders"), self.known.catalogue, self.as_of, self.selection)

    @cached_property
    def combinations(self) -> Combinations:
        """The combinations of product and amounts of the orders."""
        return Combinations(self.orders)

    @cached_property
    def conditions(self) -> Conditions:
        """The conditions."""
        return Conditions(self.batch.column("conditions"), self.known.concepts, self.as_of)

    @cached_property
    def allergies(self) -> Allergies:
        """The allergies."""
        return Allergies(self.batch.column("allergies"), self.known.concepts)

    @cached_property
    def observations(self) -> Observations:
        """The observations and stated values."""
        return Observations(self.batch, self.known.scales, self.as_of)

    def listed(self, name: str) -> Bools:
        """Patients that have the list at all."""
        return valid(self.batch.column(name))

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
        low, high = self._completed(birth.last), self._completed(birth.first)
        unknown = ~birth.known | hard
        low[unknown] = high[unknown] = UNKNOWN_AGE
        age = self.batch.column("age")
        if age.null_count < len(age):
            stated = valid(age)
            value, upper = floats(child(age, "value")), floats(child(age, "upper"))
            unit, comparator = words(child(age, "unit")), words(child(age, "comparator"))
            plain = np.array([text == "a" for text in unit.texts()], np.bool_)[unit.codes]
            plain &= (comparator.codes < 0) & np.isnan(upper) & (value == np.floor(value))
            low[stated & plain] = high[stated & plain] = value[stated & plain]
            hard = hard | (stated & ~plain)
        return low, high, hard | (low > OLDEST)

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
