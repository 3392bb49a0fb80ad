"""Bundles and native records as they are kept between the two halves of a bulk read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

from caveat.adapters import read
from caveat.adapters.documents import Document
from caveat.adapters.fhir.answered import Decoded
from caveat.adapters.fhir.bulk.rows import BundlePart, Native, row
from caveat.adapters.fhir.decode import Item
from caveat.adapters.fhir.group import Grouped
from caveat.adapters.fhir.references import key, relative
from caveat.adapters.native import to_native
from caveat.adapters.reject import Reject
from caveat.adapters.sources import Source
from caveat.facts.patient import Patient

_FEW: Final = 20


def parts(grouped: Grouped, decoded: Decoded, label: str, file: int, order: int) -> Iterator[BundlePart]:
    """Each patient of a Bundle with what of the shared resources it can refer to."""
    alone = len(grouped.parts) == 1 or len(grouped.shared) <= _FEW
    by_name: dict[str, list[Item]] = {}
    if not alone:
        for item in grouped.shared:
            for name in _names(item):
                by_name.setdefault(name, []).append(item)
    for part in grouped.parts.values():
        items = [item for item, _ in part.items]
        shared = grouped.shared if alone else _reached(items, by_name)
        yield BundlePart(
            part.id,
            label,
            file,
            order,
            [row(one) for one in part.patients],
            [row(one) for one in items],
            [row(one) for one in shared],
            [row(one) for one in part.common],
            part.assumed,
            part.incomplete,
            part.history,
        )


def _names(item: Item) -> set[str]:
    identity = getattr(item.resource, "id", None)
    return {item.url, key(item.kind, identity) if identity else ""} - {""}


def _reached(items: Iterable[Item], by_name: dict[str, list[Item]]) -> list[Item]:
    """The shared items that these refer to, and those that they refer to in turn."""
    found: dict[int, Item] = {}
    waiting = list(items)
    while waiting:
        for reference in _references(waiting.pop().resource):
            for name in {reference, relative(reference)}:
                for item in by_name.get(name, ()):
                    if id(item) not in found:
                        found[id(item)] = item
                        waiting.append(item)
    return list(found.values())


def _references(resource: Any) -> Iterator[str]:
    """Every reference of a resource by which facts are looked up."""
    one = getattr(resource, "medication_reference", None)
    several = (
        getattr(resource, "specimen", None),
        *(getattr(resource, "reason_reference", None) or ()),
        *(getattr(part, "item_reference", None) for part in getattr(resource, "ingredient", None) or ()),
        *(getattr(part, "item", None) for part in getattr(resource, "entry", None) or ()),
    )
    for inside in getattr(resource, "contained", None) or ():
        yield from _references(inside)
    for reference in (one, *several):
        if reference is not None and reference.reference:
            yield reference.reference


def as_native(found: Patient, label: str, file: int, order: int) -> Native:
    """The patient of a table's row as a native record."""
    return Native(label, orjson.dumps(to_native(found), default=str), None, "", file, order)


def refused(found: Document, source: Source) -> Reject | None:
    """Why a native record cannot be read, if so."""
    one = read.native(found, source, Counter())
    return one if isinstance(one, Reject) else None
