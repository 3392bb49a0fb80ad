"""Each distinct combination of codes and source values, read once: what the rows of a table point to.

A table has millions of rows and few thousand different medicines, diagnoses and tests. Every
combination becomes one row here, with codes, text and what the site's vocabulary knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from caveat.adapters.fhir.phrases import says_tapered
from caveat.adapters.fhir.procedures import DIALYSIS, worded
from caveat.adapters.fhir.values import unit_of
from caveat.adapters.ledger import Ledger
from caveat.adapters.omop import codes, wording
from caveat.adapters.omop.standard import ORIGIN, SYSTEMS
from caveat.terminology.codes import Code

Bound = Callable[[Code], bool]
"""Whether any concept of the vocabulary knows an observation's code."""

Row = dict[str, Any]
_UCUM: Final = "UCUM"


@lru_cache(maxsize=65536)
def clean(text: str | None) -> str | None:
    """The text without invisible characters, cut where no name is longer; None for an empty one."""
    return (Ledger().clean(text) or None) if text else None


def drug(row: Row) -> Row:
    """What an order is and how it came in: the fields of its row that depend on codes and texts alone."""
    concept, source = _concept(row, "concept"), _concept(row, "source")
    written = clean(row["source_value"])
    found = _distinct(concept, source)
    text = written if written and wording.is_name(written) else None
    if text is None:
        text = next((one["display"] for one in found if one["display"]), None) or written
    if text is None and not found:
        text = "medicine not stated"
    found += _numbered(row["concept_id"], concept)
    route = clean(row["route_name"]) or clean(row["route_source_value"])
    amount, unit = row["strength"], row["strength_unit"]
    return {
        "codes": found,
        "text": text,
        "ingredients": row["ingredients"] or None,
        "route": route,
        "strength": amount if unit else None,
        "strength_unit": unit,
        "origin": ORIGIN.get(row["type_concept_id"] or 0),
        "tapered": says_tapered([row["stop_reason"]]) if row["stop_reason"] else None,
        "ended": row["stop_reason"] is not None,
        "mapped": concept is not None,
    }


def condition(row: Row) -> Row:
    """What a condition is, and the allergy it tells of if any."""
    concept, source = _concept(row, "concept"), _concept(row, "source")
    written = clean(row["source_value"])
    found = _distinct(concept, source)
    if written and source is None:
        found += [_code(*pair) for pair in codes.of_condition(written) if not _has(found, *pair)]
    text = _text(found, written, row["concept_id"], "condition not stated")
    found += _numbered(row["concept_id"], concept)
    return {
        "codes": found,
        "text": text,
        "verification": wording.verification(
            row["status_concept_id"], clean(row["status_name"]) or clean(row["status_source_value"])
        ),
        "mapped": concept is not None or bool(found),
        **_allergy(concept, written),
    }


def procedure(row: Row) -> Row:
    """What a procedure is; `dialysis` where it tells of dialysis, `bare` where no word says what it is."""
    concept, source = _concept(row, "concept"), _concept(row, "source")
    written = clean(row["source_value"])
    found = _distinct(concept, source)
    if written and source is None:
        found += [_code(*pair) for pair in codes.of_result(written) if not _has(found, *pair)]
    names = [one["display"] for one in found if one["display"]]
    names += [written] if written and wording.is_name(written) else []
    known = any(one["system"] == "snomed" and one["code"] in DIALYSIS for one in found)
    return {
        "codes": found,
        "text": names[0] if names else written,
        "dialysis": known or any(worded(name) for name in names),
        "bare": not names and not known,
    }


def result(row: Row, bound: Bound | None = None) -> Row:
    """What a measurement or observation is; `kept` unless it has codes and no concept knows any."""
    concept, source = _concept(row, "concept"), _concept(row, "source")
    written = clean(row["source_value"])
    found = _distinct(concept, source)
    if written and source is None:
        found += [_code(*pair) for pair in codes.of_result(written) if not _has(found, *pair)]
    # The vocabulary's name before the site's: a label such as "Creatinine" does not say whether in urine.
    shown = next((one["display"] for one in found if one["display"]), None)
    text = shown or _text(found, written, row["concept_id"], "result of something not stated")
    known = [Code(one["system"], one["code"]) for one in found]
    # Codes of other systems may still be known by their name.
    in_loinc = any(one.system == "loinc" for one in known)
    kept = bound is None or not in_loinc or any(bound(one) for one in known)
    found += _numbered(row["concept_id"], concept)
    told = _allergy(concept, written) if row["is_observation"] else _allergy(None, None)
    return {
        "codes": found,
        "text": text,
        "mapped": concept is not None or bool(found and found[0]["system"] != "omop"),
        "kept": kept or bool(told["is_allergy"]),
        **told,
    }


def unit(row: Row) -> Row:
    """The unit to keep and, when concept and source value name different units, the other one."""
    written = clean(row["unit_source_value"])
    symbol = row["code"] if row["vocabulary"] == _UCUM else None
    if symbol is None and row["name"] is not None and written is None:
        written = clean(row["name"])
    kept, other = unit_of(written, None, symbol)
    return {"unit": kept, "other": other, "mapped": symbol is not None or bool(kept)}


def _concept(row: Row, which: str) -> Row | None:
    """The code of a concept that the vocabulary has, else None."""
    code, vocabulary = row[f"{which}_code"], row[f"{which}_vocabulary"]
    if not code or not vocabulary or vocabulary == "None":
        return None
    system = str(SYSTEMS.get(vocabulary, vocabulary))
    return _code(system, code, clean(row[f"{which}_name"]))


def _code(system: str, code: str, display: str | None = None) -> Row:
    return {"system": system, "code": code.strip(), "display": display}


def _has(found: list[Row], system: str, code: str) -> bool:
    bare = code.replace(".", "")
    return any(one["system"] == system and one["code"].replace(".", "") == bare for one in found)


def _distinct(*concepts: Row | None) -> list[Row]:
    found: list[Row] = []
    for one in concepts:
        if one is not None and not _has(found, one["system"], one["code"]):
            found.append(one)
    return found


def _numbered(concept_id: int | None, concept: Row | None) -> list[Row]:
    """The concept's own number where the vocabulary does not have it, so that it can be looked up."""
    return [_code("omop", str(concept_id))] if concept_id and concept is None else []


def _text(found: list[Row], written: str | None, concept_id: int | None, otherwise: str) -> str | None:
    shown = next((one["display"] for one in found if one["display"]), None)
    if shown is None or (written and wording.is_name(written)):
        shown = written
    return shown if shown is not None or found or concept_id else otherwise


def _allergy(concept: Row | None, written: str | None) -> Row:
    for name in (concept["display"] if concept is not None else None, written):
        told = wording.allergen(name) if name else None
        if told is not None:
            return {"is_allergy": True, "allergen": told.to, "allergy_type": told.type}
    return {"is_allergy": False, "allergen": None, "allergy_type": None}
