"""FHIR data types as values of the facts: codes, texts, quantities and dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from decimal import Decimal
from functools import lru_cache
from typing import Final

from caveat.adapters.assemble import trusted
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import sig_words
from caveat.adapters.ledger import Ledger
from caveat.dates import When, parse_when
from caveat.errors import DateError, UnitError
from caveat.facts.clinical import Coded
from caveat.facts.values import COMPARATORS, Quantity
from caveat.terminology.codes import SYSTEMS, Code, normalise_system
from caveat.units import parse_unit
from caveat.units.unit import Unit

UCUM: Final = ("http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8")
_LONGEST_CODE: Final = 200
_LONGEST_NAME: Final = max(map(len, SYSTEMS))
"""Characters of the short names of code systems."""
_WIDEST: Final = 30

code = lru_cache(maxsize=16384)(Code)
system_name = lru_cache(maxsize=1024)(normalise_system)


def codes(concept: fhir.Concept | None, log: Ledger, path: str) -> tuple[Code, ...]:
    """Every coding that has a code; a coding without one is a display and is left to `text`."""
    if concept is None or not concept.coding:
        return ()
    found = []
    for coding in concept.coding:
        if coding.code is None or not (plain := coding.code.strip()):
            continue
        if len(plain) > _LONGEST_CODE:
            log.problem("code-too-long", f"a code of {len(plain)} characters was not read", path, plain)
            continue
        display = coding.display
        if display is None:
            display = ""
        elif not display.isascii() or len(display) > _LONGEST_CODE:
            display = log.clean(display, path)
        system = system_name(coding.system) if coding.system else ""
        found.append(code(system, plain, display))
        if (
            len(system) > _LONGEST_NAME
            and _is_edition(system)
            and (root := _ICD_ROOT.match(plain.upper())) is not None
        ):
            found.append(code("icd10", f"{root[1]}.{root[2]}" if root[2] else root[1], display))
    return tuple(found)


_EDITION: Final = re.compile(r"(?:icd|cim|cie)[-_ ]?10(?!.*pcs)", re.IGNORECASE)
_ICD_ROOT: Final = re.compile(r"([A-Z][0-9]{2})(?:\.?([0-9A-Z]))?")


@lru_cache(maxsize=1024)
def _is_edition(system: str) -> bool:
    """Whether a code system is a national edition of ICD-10, with the first four characters of WHO's."""
    return _EDITION.search(system) is not None


def text(concept: fhir.Concept | None, log: Ledger, path: str) -> str | None:
    """The concept's text, else the display of a coding without a code, else None."""
    if concept is None:
        return None
    if concept.text and (plain := log.clean(concept.text, path)):
        return plain
    for coding in concept.coding or ():
        if not coding.code and coding.display and (plain := log.clean(coding.display, path)):
            return plain
    return None


def coded(concept: fhir.Concept | None, log: Ledger, path: str) -> Coded | None:
    """Codes and text together, or None when the concept says nothing."""
    if concept is None:
        return None
    found, words = codes(concept, log, path), text(concept, log, path)
    return trusted(Coded, {"codes": found, "text": words}) if found or words else None


def first_code(concept: fhir.Concept | None) -> str | None:
    """The first code of a concept that FHIR binds to one list, else its text."""
    if concept is None:
        return None
    for coding in concept.coding or ():
        if coding.code:
            return coding.code.strip()
    return concept.text.strip().lower() if concept.text else None


# An offset without its colon, as some libraries write it.
_OFFSET: Final = re.compile(r"(?<=T\d\d:\d\d)((?::\d\d(?:\.\d+)?)?[+-]\d\d)(\d\d)$")


def lower_case(value: str | None, known: Container[str], log: Ledger, path: str) -> str | None:
    """A code of FHIR that is written in other letters than FHIR's (`ACTIVE`), as FHIR has it; noted."""
    if value is None or value in known or (small := value.strip().lower()) not in known:
        return value
    log.note("letter-case", "a code was written in other letters than FHIR has it", path)
    return small


def date(value: str | None, log: Ledger, path: str) -> When | None:
    """The date, or None with a problem when it cannot be read."""
    if value is None:
        return None
    plain = value.strip()
    try:
        return parse_when(plain)
    except DateError as error:
        mended = _OFFSET.sub(r"\1:\2", plain)
        if mended != plain:
            return date(mended, log, path)
        log.problem("date", str(error), path, value)
        return None


@lru_cache(maxsize=4096)
def unit_of(unit: str | None, system: str | None, symbol: str | None) -> tuple[str, str | None]:
    """The unit to keep, and the spelling that contradicts it, if any.

    The UCUM code goes before the printed unit; a printed unit stands in for a code that names no
    unit. `""` is a unit that is missing: it is unknown, not a plain number.
    """
    symbol = symbol.strip() if symbol else None
    unit = unit.strip() if unit else None
    if symbol and ((symbol.isdigit() and len(symbol) > 3) or not _is_ucum(system)):
        return _elsewhere(unit, system or "", symbol)
    if symbol and unit and symbol != unit:
        coded, printed = parsed(symbol), parsed(unit)
        if coded is None and printed is not None:
            return unit, None
        if coded is not None and printed is not None:
            same = coded.dimension == printed.dimension and coded.factor == printed.factor
            if not same and not _is_count(symbol):
                return symbol, unit
            return (unit if _is_count(symbol) and not same else symbol), None
        if coded is not None and _is_count(symbol) and (words := _worded(unit)) != unit:
            return words, None
        return symbol if coded is not None else unit, None
    only = symbol or unit or ""
    return _worded(only) if only else "", None


def _is_ucum(system: str | None) -> bool:
    """Whether a code is one of UCUM, which is meant where no system is given."""
    return system is None or system.rstrip("/") in UCUM or "unitsofmeasure" in system or system == "UCUM"


def _elsewhere(unit: str | None, system: str, symbol: str) -> tuple[str, str | None]:
    """The unit of a code of another system than UCUM: as printed, else one that the code is known as."""
    coded = SNOMED_UNITS.get(symbol) if symbol.isdigit() and _is_ucum_or_snomed(system) else None
    if not symbol.isdigit():
        coded = _worded(symbol)
    printed = None if unit is None else _worded(unit)
    first, second = (None if one is None else parsed(one) for one in (printed, coded))
    if first is None:
        return (coded if second is not None and coded else unit or f"code {symbol}"), None
    if second is not None and (first.dimension, first.factor) != (second.dimension, second.factor):
        counts = all("{" in one for one in (printed or "", coded or ""))
        return (printed or "", None) if counts or _is_count(coded or "") else (coded or "", unit)
    return printed or "", None


def _is_ucum_or_snomed(system: str) -> bool:
    return _is_ucum(system) or system_name(system) == "snomed"


# SNOMED CT units, for codes sent without a printed unit.
SNOMED_UNITS: Final = {
    "258682000": "g",
    "258683005": "kg",
    "258684004": "mg",
    "258685003": "ug",
    "258686002": "ng",
    "258770004": "L",
    "258773002": "mL",
    "258813002": "mmol/L",
    "428641000": "{capsule}",
    "428673006": "{tablet}",
    "732936001": "{tablet}",
}


def _worded(unit: str) -> str:
    """The unit, or the one that a word of another language stands for, such as tablets or drops."""
    if parsed(unit) is not None:
        return unit
    spread = unicodedata.normalize("NFKD", unit.lower().replace("\u00df", "ss"))
    plain = "".join(c for c in spread if unicodedata.category(c) != "Mn").replace(".", "")
    found = sig_words.UNITS.get(plain, "")
    return found if found in sig_words.COUNTED or found == "[iU]" else unit


def _is_count(symbol: str) -> bool:
    """Whether a UCUM code only counts, so that the printed unit says what is counted."""
    return symbol in ("1", "") or symbol.startswith("{")


@lru_cache(maxsize=1024)
def parsed(text: str) -> Unit | None:
    """The unit, or None for one that is not known."""
    try:
        return parse_unit(text)
    except UnitError:
        return None


def number(value: Decimal | None, log: Ledger, path: str) -> Decimal | None:
    """The number, or None with a problem when it is no finite measurement."""
    if value is None:
        return None
    if not value.is_finite() or (value and not -_WIDEST <= value.adjusted() <= _WIDEST):
        log.problem("number", "a number that no measurement can have", path, str(value))
        return None
    return value


def amount(value: fhir.Amount | None, log: Ledger, path: str) -> Quantity | None:
    """The quantity, or None when it has no number or contradicts itself (a problem then)."""
    if value is None:
        return None
    size = number(value.value, log, path)
    if size is None:
        if value.value is None:
            log.note("quantity-without-value", "a quantity without a number was not used", path)
        return None
    unit, other = unit_of(value.unit, value.system, value.code)
    if other is not None:
        log.problem(
            "unit-conflict",
            f"the unit is coded as {unit!r} and printed as {other!r}; the value was not used",
            path,
            f"{size} {other}",
        )
        return None
    if value.comparator is not None and value.comparator not in COMPARATORS:
        log.problem("comparator", "a comparator other than <, <=, >=, >", path, value.comparator)
        return None
    return Quantity(size, unit, value.comparator)


def as_written(value: fhir.Amount, log: Ledger, path: str) -> Coded | None:
    """A quantity that was not used, in the words of the record; None where it has no number."""
    if value.value is None:
        return None
    unit = value.unit or ""
    coded = f" (coded {value.code})" if value.code and value.code != unit else ""
    words = log.clean(f"{value.comparator or ''}{value.value} {unit}{coded}", path)
    return trusted(Coded, {"text": words[:200].strip()})


def plain_amount(value: fhir.Amount) -> Quantity | None:
    """The quantity of which nothing is to be said, without a comparator; None for any other."""
    size = value.value
    if size is None or value.comparator is not None or not size.is_finite():
        return None
    if size and not -_WIDEST <= size.adjusted() <= _WIDEST:
        return None
    unit, other = unit_of(value.unit, value.system, value.code)
    return Quantity(size, unit) if unit and other is None else None


def span(value: fhir.Range | None, log: Ledger, path: str) -> Quantity | None:
    """A range as one quantity; with one end only, a quantity with `<=` or `>=`."""
    if value is None:
        return None
    low, high = amount(value.low, log, path + ".low"), amount(value.high, log, path + ".high")
    if (value.low is not None and low is None) or (value.high is not None and high is None):
        return None
    if low is None and high is None:
        return None
    if low is None or high is None:
        end = low or high
        assert end is not None
        return Quantity(end.value, end.unit, ">=" if high is None else "<=")
    unit = low.unit or high.unit
    if (low.unit and high.unit and low.unit != high.unit) or high.value < low.value:
        log.problem("range", "the two ends of a range do not fit together", path, f"{low} to {high}")
        return None
    return low if low.value == high.value else Quantity(low.value, unit, None, high.value)


def positive(value: Quantity | None, log: Ledger, path: str, what: str) -> Quantity | None:
    """The quantity, or None with a problem when it is not above 0."""
    if value is None or (value.value > 0 and (value.upper is None or value.upper > 0)):
        return value
    if value.upper is not None and value.upper > 0 and value.value == 0:
        return value
    log.problem("not-positive", f"{what} must be greater than 0; it was not used", path, str(value))
    return None
