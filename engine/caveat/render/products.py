"""The orders behind a finding, and the current orders that no rule is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from caveat.findings.report import Finding

if TYPE_CHECKING:
    from caveat.compile.program import Program
    from caveat.facts.identify import OrderView

_OWNERS = ("order", "other")


@dataclass(frozen=True, slots=True)
class Product:
    """An order with its product as written and the ingredients found in it."""

    order: str
    name: str
    ingredients: tuple[str, ...]


NotCovered = Product


def products(finding: Finding) -> tuple[Product, ...]:
    """The products of a finding's orders, the judged one first; of one on the patient, those it rests on."""
    known: tuple[Product, ...] | None = finding.__dict__.get("_products")
    if known is not None:
        return known
    if not finding.orders:
        return tuple(Product(one.order, one.name, one.ingredients) for one in finding.medicines)
    fill = finding.fill
    if fill is None:
        return ()
    found = []
    for owner, order in zip(_OWNERS, finding.orders, strict=False):
        name = fill(f"{{{owner}.name}}")
        ingredients = tuple(part for part in fill(f"{{{owner}.ingredient}}").split(", ") if part)
        found.append(Product(order, name, ingredients))
    kept = finding.__dict__["_products"] = tuple(found)
    return kept


def products_of(findings: Iterable[Finding]) -> tuple[Product, ...]:
    """The products of several findings, each order once."""
    found = {product.order: product for finding in findings for product in products(finding)}
    return tuple(found.values())


def subjects_of(program: Program) -> frozenset[str]:
    """Every ingredient that some rule is judged for."""
    return frozenset(name for rule in program.rules for name in (*rule.first, *rule.second))


def current_products(views: Iterable[OrderView]) -> tuple[Product, ...]:
    """Recognised current orders as products."""
    return tuple(Product(v.order.id, v.name, v.ingredients) for v in views if v.ingredients)


def not_covered(found: Iterable[Product], named: frozenset[str]) -> tuple[NotCovered, ...]:
    """Products with an ingredient that no rule is about; `ingredients` holds those only."""
    rest = []
    for product in found:
        left = tuple(name for name in product.ingredients if name not in named)
        if left:
            rest.append(Product(product.order, product.name, left))
    return tuple(rest)
