"""What a medicine is: codes, texts, ingredients, form and strength, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from caveat.adapters.fhir import dosage, values
from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.rates import decimal
from caveat.adapters.fhir.references import Index
from caveat.adapters.ledger import Ledger
from caveat.facts.values import Quantity
from caveat.terminology.codes import Code

_UNIT: Final = re.compile(r"(?:[mu]?g|mcg)(?:/mL)?")
"""Units of an ingredient's strength that its name is given with."""


def medicine(resource: Any, index: Index, log: Ledger, path: str) -> dict[str, Any]:
    """The fields of an Order that say what it is; always text, codes or ingredients.

    A reference that points nowhere, or a medicine that is not stated, is a problem and the order
    is kept under a text that says so.
    """
    fields: dict[str, Any] = {}
    concept, reference = resource.medication_codeable_concept, resource.medication_reference
    if concept is not None:
        fields["codes"] = values.codes(concept, log, path + ".medicationCodeableConcept")
        words = values.text(concept, log, path + ".medicationCodeableConcept")
        if words is not None:
            fields["text"] = words
    if reference is not None:
        _merge(fields, _referred(reference, resource.contained, index, log, path + ".medicationReference"))
    codes, words = fields.get("codes", ()), fields.get("text")
    if not words and codes:
        shown = next((code.display for code in codes if code.display), None)
        if shown:
            fields["text"] = shown
    elif not (words or codes or fields.get("ingredients")):
        fields["text"] = "Medication not stated"
        log.problem("medication-missing", "an order that does not say which medicine it is", path)
    return fields


def _merge(fields: dict[str, Any], more: dict[str, Any]) -> None:
    fields["codes"] = tuple(dict.fromkeys((*fields.get("codes", ()), *more.pop("codes", ()))))
    for name, value in more.items():
        fields.setdefault(name, value)


def _referred(
    reference: fhir.Reference,
    contained: Sequence[fhir.Contained] | None,
    index: Index,
    log: Ledger,
    path: str,
) -> dict[str, Any]:
    target = reference.reference
    display = log.clean(reference.display, path) if reference.display else ""
    found = index.find(target, contained) if target else None
    if isinstance(found, (fhir.Medication, fhir.Contained)):
        fields = _medication(found, index, contained, log, path)
        if display:
            fields.setdefault("text", display)
        if fields.get("codes") or fields.get("text") or fields.get("ingredients"):
            return fields
        log.problem("medication-empty", "the Medication resource does not say what it is", path, target or "")
        return {"text": f"Medication {target} that does not say what it is"}
    if not target:
        identifier = reference.identifier.value if reference.identifier else None
        if display:
            return {"text": display}
        log.problem("reference", "a medication reference without a target", path, identifier or "")
        return {"text": f"Medication {identifier} that is not in the record"} if identifier else {}
    shown = log.clean(target, path)
    if index.ambiguous(target):
        log.problem("reference", "a reference that two different resources answer to", path, shown)
    elif display:
        # a server that was not asked to include its medicines says what they are all the same
        message = "a medicine that is not in the record was taken from the words beside the reference to it"
        log.note("medicine-by-display", message, path)
    else:
        log.problem("reference", "a medication reference that points nowhere", path, shown)
    return {"text": display or f"Medication reference {shown} that points nowhere"}


def _medication(
    found: fhir.Medication | fhir.Contained,
    index: Index,
    contained: Sequence[fhir.Contained] | None,
    log: Ledger,
    path: str,
) -> dict[str, Any]:
    fields: dict[str, Any] = {"codes": values.codes(found.code, log, path)}
    words = values.text(found.code, log, path)
    if words:
        fields["text"] = words
    form = values.coded(found.form, log, path)
    if form is not None:
        fields["form"] = str(form)
    inside = (*(contained or ()), *(getattr(found, "contained", None) or ()))
    _ingredients(fields, found.ingredient or (), index, inside, log, path + ".ingredient")
    return fields


def _ingredients(
    fields: dict[str, Any],
    parts: Sequence[fhir.Ingredient],
    index: Index,
    contained: Sequence[fhir.Contained],
    log: Ledger,
    path: str,
) -> None:
    codes: list[Code] = []
    names: list[str] = []
    strengths: list[Quantity | None] = []
    for part in parts:
        if part.is_active is False:
            log.note("inactive-ingredient", "an ingredient marked as not active was left out", path)
            continue
        concept = part.item_codeable_concept
        if concept is None and part.item_reference is not None:
            target = part.item_reference.reference or ""
            found = index.find(target, contained) if target else None
            concept = getattr(found, "code", None)
            if concept is None and part.item_reference.display:
                concept = fhir.Concept(None, part.item_reference.display)
            if concept is None:
                log.problem("reference", "an ingredient reference that points nowhere", path, target)
                continue
        own = values.codes(concept, log, path)
        name = values.text(concept, log, path) or next((c.display for c in own if c.display), None)
        codes.extend(own)
        if name:
            names.append(name)
        elif own:
            names.append(f"{own[0].system}|{own[0].code}")
        else:
            log.problem("ingredient", "an ingredient that does not say what it is", path)
        strengths.append(_strength(part.strength, log, path + ".strength"))
    if len(names) == len(strengths) > 1:
        names = [_with_strength(name, own) for name, own in zip(names, strengths, strict=True)]
    if names:
        fields["ingredients"] = tuple(names)
    if codes:
        fields["codes"] = tuple(dict.fromkeys((*fields.get("codes", ()), *codes)))
    if len(parts) == 1 and strengths and strengths[0] is not None:
        fields["strength"] = strengths[0]


def _with_strength(name: str, strength: Quantity | None) -> str:
    """An ingredient of several with its own strength, as text says it: `oxycodone 5 mg`.

    Left alone where the strength is no plain amount, or the name has a number of its own.
    """
    plain = strength is not None and strength.comparator is None and strength.upper is None
    if not plain or strength is None or not _UNIT.fullmatch(strength.unit) or re.search(r"[\d|]", name):
        return name
    return f"{name} {strength}"


def _strength(value: fhir.Ratio | None, log: Ledger, path: str) -> Quantity | None:
    """The amount in one unit (`10 mg`) or volume (`0.5 mg/mL`)."""
    if value is None or value.numerator is None:
        return None
    top = values.positive(values.amount(value.numerator, log, path), log, path, "a strength")
    if top is None or not top.unit:
        return None
    bottom = value.denominator
    if bottom is None or bottom.value is None:
        return top
    unit, _ = values.unit_of(bottom.unit, bottom.system, bottom.code)
    if bottom.value.is_finite() and bottom.value > 0 and (unit in ("", "1") or _counts(unit)):
        return Quantity(decimal(Fraction(top.value) / Fraction(bottom.value)), top.unit)
    return dosage.ratio(value, log, path)


def _counts(unit: str) -> bool:
    from caveat.errors import UnitError
    from caveat.units import parse_unit

    if unit.startswith("{"):
        return True
    try:
        return parse_unit(unit).text.startswith("{")
    except UnitError:
        return True
