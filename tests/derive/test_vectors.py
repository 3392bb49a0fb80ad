"""Every published calculator result is reproduced to its stated rounding."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from caveat.facts.derive.adjusted_weight import adjusted_weight
from caveat.facts.derive.body_surface import dubois, mosteller
from caveat.facts.derive.ckd_epi import ckd_epi_2021
from caveat.facts.derive.cockcroft_gault import cockcroft_gault, indexed
from caveat.facts.derive.ideal_weight import ideal_weight
from caveat.facts.derive.schwartz import schwartz_bedside
from caveat.intervals import Interval, exactly
from caveat.units import convert, parse_quantity

VECTORS = Path(__file__).resolve().parents[1] / "data" / "calculator_vectors.tsv"
ROWS = list(csv.DictReader(VECTORS.read_text(encoding="utf-8").splitlines(), delimiter="\t"))
TARGETS = {"weight": "kg", "height": "cm", "scr": "mg/dL", "age": "1", "factor": "1"}


def known(value: Interval | None) -> Interval:
    assert value is not None
    return value


def clearance(given: dict[str, Any], weight: Interval) -> Interval:
    return known(cockcroft_gault(age=given["age"], weight=weight, creatinine=given["scr"], sex=given["sex"]))


def ideal(given: dict[str, Any]) -> Interval:
    return known(ideal_weight(height=given["height"], sex=given["sex"]))


def with_adjusted(given: dict[str, Any]) -> Interval:
    factor = given["factor"].exact
    return clearance(given, adjusted_weight(actual=given["weight"], ideal=ideal(given), factor=factor))


def indexed_clearance(given: dict[str, Any]) -> Interval:
    surface = known(dubois(height=given["height"], weight=given["weight"]))
    return known(indexed(clearance(given, given["weight"]), surface))


FORMULAS: dict[str, Callable[[dict[str, Any]], Interval | None]] = {
    "cockcroft_gault": lambda given: clearance(given, given["weight"]),
    "cockcroft_gault indexed to 1.73 m2": indexed_clearance,
    "cockcroft_gault with adjusted weight": with_adjusted,
    "cockcroft_gault with ideal weight": lambda given: clearance(given, ideal(given)),
    "ckd_epi_2021": lambda given: ckd_epi_2021(age=given["age"], creatinine=given["scr"], sex=given["sex"]),
    "schwartz_bedside": lambda given: schwartz_bedside(height=given["height"], creatinine=given["scr"]),
    "bsa_mosteller": lambda given: mosteller(height=given["height"], weight=given["weight"]),
    "bsa_dubois": lambda given: dubois(height=given["height"], weight=given["weight"]),
    "ibw_devine": ideal,
}


def read_inputs(text: str) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in text.split():
        name, value = part.split("=")
        if name == "sex":
            given[name] = value
            continue
        quantity = parse_quantity(value)
        number = convert(quantity.value, quantity.unit, TARGETS[name], analyte="creatinine")
        given[name] = exactly(number)
    return given


def shown(value: Fraction, decimals: int) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


def test_there_are_as_many_rows_as_were_copied() -> None:
    assert len(ROWS) == 19


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['formula']}: {row['inputs']}")
def test_a_row_of_published_results(row: dict[str, str]) -> None:
    result = FORMULAS[row["formula"]](read_inputs(row["inputs"]))
    assert result is not None
    assert result.exact is not None
    found = re.match(r"(\d+) decimal", row["rounding"])
    assert found is not None
    assert shown(result.exact, int(found[1])) == Decimal(row["expected"])


def test_the_rows_are_those_of_the_source(shared_dir: Path) -> None:
    source = shared_dir / "data" / "calculators" / "vectors.tsv"
    assert VECTORS.read_bytes() == source.read_bytes()
