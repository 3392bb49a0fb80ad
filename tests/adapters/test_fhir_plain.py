"""Plain results are read quickly, and come out as every other does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.assemble import complete, trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import values
from caveat.adapters.fhir.observations import Named, Names, Unbound, observations
from caveat.adapters.fhir.stated import Statements
from caveat.adapters.ledger import Ledger
from caveat.facts.clinical import Observation
from caveat.terminology.codes import Code

CODINGS = st.fixed_dictionaries(
    {},
    optional={
        "system": st.sampled_from(["http://loinc.org", "urn:caveat:context", "http://x.example", ""]),
        "code": st.sampled_from(["2160-0", "82810-3", "fall_risk", "x", " ", "c" * 300]),
        "display": st.sampled_from(["Creatinine", "Child-Pugh", "\u200bhidden", "d" * 300, ""]),
    },
)
CONCEPTS = st.fixed_dictionaries(
    {},
    optional={
        "coding": st.lists(CODINGS, max_size=2),
        "text": st.sampled_from(["Creatinine", "", "\u200b", "Child-Pugh score", "t" * 2100]),
    },
)
AMOUNTS = st.fixed_dictionaries(
    {},
    optional={
        "value": st.sampled_from([0, 1.5, -3, 1e40, 1e-40, 12]),
        "unit": st.sampled_from(["mg/dL", "mmol/L", "", "furlong"]),
        "code": st.sampled_from(["mg/dL", "1", "{score}", ""]),
        "system": st.sampled_from(["http://unitsofmeasure.org", "x"]),
        "comparator": st.sampled_from(["<", ">=", "about"]),
    },
)
RESULTS = st.fixed_dictionaries(
    {"resourceType": st.just("Observation")},
    optional={
        "status": st.sampled_from(["final", "amended", "preliminary", "cancelled", "odd"]),
        "code": CONCEPTS,
        "effectiveDateTime": st.sampled_from(["2026-01-02", "2026-01-02T03:04:05Z", "2026-13-01", ""]),
        "issued": st.just("2026-01-03T00:00:00Z"),
        "valueQuantity": AMOUNTS,
        "valueString": st.sampled_from(["24 mL/min", "positive"]),
        "component": st.lists(
            st.fixed_dictionaries({"code": CONCEPTS, "valueQuantity": AMOUNTS}), max_size=1
        ),
    },
)


class Slow(Names):
    """Knows no code, so that every result takes the long way."""

    def of(self, concept: fhir.Concept | None) -> Named | None:
        return None


def bound(code: Code) -> bool:
    return code.code == "2160-0"


def read(results: list[dict[str, Any]], kind: type[Names]) -> tuple[Any, ...]:
    log, unbound, said, names = Ledger(), Unbound(), Statements(), kind(bound)
    found: list[Observation] = []
    for number, one in enumerate(results):
        resource = msgspec.convert(one, fhir.Observation, strict=False)
        found += observations(resource, log, f"Observation/{number}", str(number), names, unbound, said)
    dumped = [repr(one) for one in found]
    given = [sorted(one.model_fields_set) for one in found]
    return found, dumped, given, log.notes, log.problems, unbound.count, unbound.codes, said._said


@given(results=st.lists(RESULTS, max_size=4))
def test_the_short_way_and_the_long_way_agree(results: list[dict[str, Any]]) -> None:
    assert read([*results, *results], Names) == read([*results, *results], Slow)


@given(amount=AMOUNTS)
def test_a_plain_amount_is_the_amount(amount: dict[str, Any]) -> None:
    value = msgspec.convert(amount, fhir.Amount, strict=False)
    log = Ledger()
    quick, full = values.plain_amount(value), values.amount(value, log, "x")
    if quick is not None:
        assert quick == full
        assert not log.notes
        assert not log.problems


def test_no_amount_is_plain_that_is_none() -> None:
    assert values.plain_amount(fhir.Amount(Decimal("NaN"), unit="mg")) is None


def test_a_record_made_of_all_its_fields_is_as_any_other() -> None:
    given = dict.fromkeys(Observation.model_fields) | {
        "codes": (),
        "text": "x",
        "preliminary": False,
    }
    one = complete(Observation, dict(given), frozenset(given))
    other = trusted(Observation, given)
    assert one == other
    assert repr(one) == repr(other)
    assert one.model_fields_set == other.model_fields_set
    changed = one.model_copy(update={"text": "y"})
    assert (changed.text, one.text) == ("y", "x")
