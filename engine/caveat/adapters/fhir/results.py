"""Results that a laboratory or a nurse wrote as text."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from caveat.errors import UnitError
from caveat.facts.values import Quantity
from caveat.units import parse_quantity

_BEGINNING: Final = frozenset("<>=\u2264\u2265.-+0123456789")
# A flag says whether the result is high, low or critical; in brackets it stands anywhere at the end.
_FLAGGED: Final = re.compile(
    r"\s*[(\[](?:H|HH|L|LL|N|A|AA|high|low|normal|abnormal|critical|\*{1,2}|!)[)\]]\s*$"
    r"|\s*(?:\*{1,2}|!|\u2191|\u2193)\s*$",
    re.IGNORECASE,
)
_FLAG_WORD: Final = re.compile(r"(?<=\S)\s+(?:H|HH|LL)$")
_LOW: Final = re.compile(r"(?<=\S)\s+L$")
_COMMA: Final = re.compile(r"^([<>=\u2264\u2265]*\s*[+-]?)(\d+),(\d+)(?![\d,.])")
# Measures of two units of one kind: the larger, the smaller, and how many of it the larger holds.
_DOUBLE: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), unit, size)
    for pattern, unit, size in (
        (r"(\d+)\s*(?:ft|feet|foot|')\s*(\d+(?:\.\d+)?)\s*(?:in|inch|inches|\"|'')?", "[in_i]", 12),
        (r"(\d+)\s*(?:st|stone)s?\s*(\d+(?:\.\d+)?)\s*(?:lbs?|pounds?)?", "[lb_av]", 14),
        (r"(\d+)\s*(?:lbs?|pounds?)\s*(\d+(?:\.\d+)?)\s*(?:oz|ounces?)", "[oz_av]", 16),
    )
)


def worded_quantity(text: str) -> Quantity | None:
    """The quantity that a text is, or None; its unit is empty where the text has none.

    `6.1 mmol/L (H)`, `<0,3 mg/dL`, `5 ft 3 in`. A comma before three digits may part thousands: not read.
    """
    if text[0] not in _BEGINNING:
        return None
    for pattern, unit, size in _DOUBLE:
        found = pattern.fullmatch(text)
        if found is not None:
            small = Decimal(found[2])
            return Quantity(Decimal(found[1]) * size + small, unit) if small < size else None
    plain = _FLAG_WORD.sub("", _FLAGGED.sub("", text))
    if (comma := _COMMA.match(plain)) is not None and (len(comma[3]) != 3 or comma[2] == "0"):
        plain = f"{comma[1]}{comma[2]}.{comma[3]}{plain[comma.end() :]}"
    for one in (plain, _LOW.sub("", plain)):  # a lone L is a litre where nothing else is a unit
        try:
            read = parse_quantity(one)
        except UnitError:
            continue
        stated = any(c.isalpha() or c in "%{[/" for c in one)
        return Quantity(read.value, read.unit if stated else "", read.comparator, read.upper)
    return None
