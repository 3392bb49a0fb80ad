"""Plain observations as the facts that the common code would make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.adapters.fhir.bulk.columns import Taken
from caveat.adapters.fhir.bulk.held import Held
from caveat.adapters.fhir.bulk.pools import Pools
from caveat.adapters.fhir.bulk.sayings import Saying
from caveat.adapters.fhir.observations import Unbound
from caveat.adapters.ledger import Ledger

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, Any]


@dataclass(slots=True)
class Labs:
    """Facts of plain observations: the row of each, which component it is, its concept and form."""

    held: Held
    row: Numbers
    inner: Numbers
    concept: Numbers
    form: Numbers
    size: pa.Array
    """The number as text; empty where the form has none."""
    is_inner: Numbers


def labs_of(held: Held, pools: Pools) -> Labs:
    """A fact a component, else one a resource."""
    import numpy as np
    import pyarrow.compute as pc

    forms = pools.forms
    form = held.numbers("form").astype(np.int64)
    concept = held.numbers("concept").astype(np.int64)
    size = held.column("numbers")
    row = np.arange(len(form))
    panel = forms.is_panel[form]
    if not panel.any():
        return Labs(held, row, np.zeros(len(row), np.int64), concept, form, size, panel)
    split = pc.split_pattern(size, " ")
    offsets = split.offsets.to_numpy()
    row = np.repeat(row, np.diff(offsets))
    inner = np.arange(len(row)) - offsets[:-1][row]
    is_inner = panel[row]
    where = forms.begin[form[row]] + inner
    where[~is_inner] = 0
    return Labs(
        held,
        row,
        inner,
        np.where(is_inner, forms.concept[where], concept[row]),
        np.where(is_inner, forms.form[where], form[row]),
        split.flatten(),
        is_inner,
    )


def left_out(labs: Labs, pools: Pools, patient: Numbers) -> tuple[Numbers, dict[int, Unbound]]:
    """Which facts have codes that no concept binds, and for each patient what is to be said of them.

    `patient` numbers the patients of the rows.
    """
    import numpy as np

    key = pools.unbound[labs.concept] if len(pools.unbound) else np.full(len(labs.row), -1)
    out = key >= 0
    found: dict[int, Unbound] = {}
    counted = out & labs.held.kept[labs.row]
    width = len(pools.unbound_codes)
    if counted.any():
        pairs, counts = np.unique(patient[labs.row[counted]] * width + key[counted], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            whose, number = divmod(pair, width)
            one = found.setdefault(whose, Unbound())
            one.codes.add(pools.unbound_codes[number])
            one.count += count
    return out, found


def taken(labs: Labs, pools: Pools, patient: Numbers, out: Numbers) -> Taken:
    """The facts that are kept and not `out`."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from caveat.columns.schema import quantity

    forms, held = pools.forms, labs.held
    at = np.flatnonzero(~out & held.kept[labs.row])
    row, inner, concept, form = labs.row[at], labs.inner[at], labs.concept[at], labs.form[at]
    own = np.arange(len(at))
    identity = held.column("id").take(pa.array(row))
    source = pc.binary_join_element_wise(pa.scalar("Observation/"), identity, pa.scalar(""))
    is_inner = labs.is_inner[at]
    if is_inner.any():
        ends = pa.array(["", *(f"#{number}" for number in range(int(inner.max()) + 1))], pa.string())
        end = ends.take(pa.array(np.where(is_inner, inner + 1, 0)))
        identity = pc.binary_join_element_wise(identity, end, pa.scalar(""))
    size = labs.size.take(pa.array(at))
    is_answer = forms.is_answer[form]
    if is_answer.any():
        size = pc.if_else(pa.array(is_answer), pa.scalar(None, pa.string()), size)
        number = size.cast(pa.float64()).to_numpy(zero_copy_only=False)
        number = pa.array(np.where(is_answer, forms.constant[form], number))
    else:
        number = size.cast(pa.float64())
    missing = ~forms.has_quantity[form]
    by_form = pa.array(form)
    value = pa.StructArray.from_arrays(
        [number, forms.unit.take(by_form), forms.comparator.take(by_form), forms.upper.take(by_form)],
        fields=list(quantity()),
        mask=pa.array(missing) if missing.any() else None,
    )
    fields: dict[str, Any] = {
        "id": (identity, own),
        "codes": (pools.codes, concept),
        "text": (pools.text, concept),
        "value": (value, own),
        "at": (held.column("at"), row),
        "preliminary": (pa.array([False]), np.zeros(len(at), np.int64)),
        "source": (source, own),
    }
    if is_answer.any():
        fields["answer"] = (forms.answer, form)
    return Taken(patient[row], held.file[row], held.line[row], inner, fields)


def sayings(labs: Labs, pools: Pools, out: Numbers) -> tuple[Saying, Saying]:
    """What is to be said of the values of facts that are not `out`, and of their names."""
    import numpy as np

    kept = ~out & labs.held.kept[labs.row]
    components = np.where(labs.is_inner, labs.inner, -1)

    def saying(loud: Numbers, which: Numbers, logs: list[Ledger]) -> Saying:
        at = np.flatnonzero(loud[which] & kept) if len(which) else np.zeros(0, np.int64)
        return Saying(labs.held, at, which[at], logs, labs.row, components)

    return (
        saying(pools.loud_values, labs.form, [one.log for one in pools.values]),
        saying(pools.loud_names, labs.concept, pools.names),
    )
