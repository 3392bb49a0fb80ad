"""The facts of parts that repeat, as columns to take from by number; made once for many buckets."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.bulk.meaning import Form, Meaning, Value, condition_of, order_of, value_of
from caveat.adapters.fhir.observations import Bound, first_unbound
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Coded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from caveat.adapters.fhir.bulk.state import State

    Numbers = np.ndarray[Any, Any]


class Courses:
    """Orders or conditions: what each template means, and its fields as columns."""

    def __init__(self, meanings: list[Meaning], wanted: pa.DataType) -> None:
        import numpy as np

        from caveat.columns.build import column

        self.meanings, self.wanted = meanings, wanted
        self.loud: Numbers = np.array([one.is_loud for one in meanings], bool)
        self.is_fact: Numbers = np.array([one.fact is not None for one in meanings], bool)
        structs = column([one.fact for one in meanings], wanted, "")
        self.fields: dict[str, pa.Array] = dict(
            zip((one.name for one in wanted), structs.flatten(), strict=True)
        )


@dataclass(slots=True)
class Forms:
    """Values of observations by form: what is not told by their numbers."""

    is_panel: Numbers
    begin: Numbers
    """Where the components of a panel begin in `concept` and `form`."""
    concept: Numbers
    form: Numbers
    has_quantity: Numbers
    is_answer: Numbers
    constant: Numbers
    """The value of a form that has no number of its own."""
    upper: pa.Array
    unit: pa.Array
    comparator: pa.Array
    answer: pa.Array


class Pools:
    """Everything of a state that repeats."""

    def __init__(self, state: State, bound: Bound | None) -> None:
        import numpy as np

        from caveat.columns import schema
        from caveat.columns.build import column

        self.orders = Courses([order_of(one) for one in state.orders], schema.order())
        self.conditions = Courses([condition_of(one) for one in state.conditions], schema.condition())
        self.values = [_value(one) for one in state.forms]
        self.loud_values: Numbers = np.array([one.is_loud for one in self.values], bool)
        self.forms = _forms(state, self.values)
        wanted = schema.observation()
        self.names = [Ledger() for _ in state.concepts]
        """What is to be said of each concept, with paths that begin at the observation."""
        codes = [values.codes(one, log, "") for one, log in zip(state.concepts, self.names, strict=True)]
        words = [values.text(one, log, "") for one, log in zip(state.concepts, self.names, strict=True)]
        self.loud_names: Numbers = np.array([bool(one.notes or one.problems) for one in self.names], bool)
        self.codes = column(codes, wanted.field("codes").type, "codes")
        self.text = column(words, wanted.field("text").type, "")
        keys = [None if bound is None else first_unbound(one, bound) for one in state.concepts]
        numbers: dict[tuple[str, str], int] = {}
        for key in keys:
            if key is not None:
                numbers.setdefault(key, len(numbers))
        self.unbound: Numbers = np.array([-1 if key is None else numbers[key] for key in keys], np.int64)
        """By concept the number of its code in `unbound_codes`, where no concept of the rules binds it."""
        self.unbound_codes = list(numbers)
        self.reasons: list[Coded | None] = []
        """By condition template what an order says whose reason it is."""
        self.loud_reasons: list[bool] = []
        """By condition template whether something else is to be said of it then."""
        for one in state.conditions:
            said = Ledger()
            reason = values.coded(one.code, said, "")
            self.reasons.append(reason)
            self.loud_reasons.append(bool(said.notes or said.problems))


def _value(form: Form) -> Value:
    """The value of a form, with 1 for its number."""
    if form.answer is not None:
        return value_of(form.answer)
    if form.amount is None:
        return Value(None, None, Ledger())
    return value_of(fhir.Observation(value_quantity=replace(form.amount, value=Decimal(1))))


def _forms(state: State, meant: list[Value]) -> Forms:
    import numpy as np
    import pyarrow as pa

    from caveat.columns import schema
    from caveat.columns.build import column

    begin: list[int] = []
    concept: list[int] = []
    form: list[int] = []
    for one in state.forms:
        begin.append(len(concept))
        concept += [inner for inner, _ in one.parts or ()]
        form += [unit for _, unit in one.parts or ()]
    quantities = [one.quantity for one in meant]
    uppers = [None if one is None or one.upper is None else float(one.upper) for one in quantities]
    return Forms(
        np.array([one.parts is not None for one in state.forms], bool),
        np.array(begin, np.int64),
        np.array(concept, np.int64),
        np.array(form, np.int64),
        np.array([one is not None for one in quantities], bool),
        np.array([one.answer is not None for one in state.forms], bool),
        np.array([float("nan") if one is None else float(one.value) for one in quantities], np.float64),
        pa.array(uppers, pa.float64()),
        pa.array([None if one is None else one.unit for one in quantities], pa.string()),
        pa.array([None if one is None else one.comparator for one in quantities], pa.string()),
        column([one.answer for one in meant], schema.coded(), ""),
    )
