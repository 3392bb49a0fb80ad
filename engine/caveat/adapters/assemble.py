"""Records built from parts that an adapter has checked itself, without validating them twice."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar

from caveat.facts.values import Record

_R = TypeVar("_R", bound=Record)
_SET = object.__setattr__


@lru_cache(maxsize=32)
def _defaults(model: type[Record]) -> dict[str, Any]:
    return {
        name: field.get_default() for name, field in model.model_fields.items() if not field.is_required()
    }


def trusted(model: type[_R], values: dict[str, Any]) -> _R:
    """A record of `model` that holds `values` as they are, as `model_construct` would, only faster.

    For values that already have their final type and meet the model's own limits.
    """
    record = model.__new__(model)
    _SET(record, "__dict__", {**_defaults(model), **values})
    _SET(record, "__pydantic_fields_set__", set(values))
    _SET(record, "__pydantic_extra__", None)
    _SET(record, "__pydantic_private__", None)
    return record


def complete(model: type[_R], values: dict[str, Any], names: frozenset[str]) -> _R:
    """As `trusted`, of values for every field in the order of the model; `names` are those that were given.

    `values` becomes the record's own: the caller keeps nothing of it.
    """
    record = model.__new__(model)
    _SET(record, "__dict__", values)
    _SET(record, "__pydantic_fields_set__", set(names))
    _SET(record, "__pydantic_extra__", None)
    _SET(record, "__pydantic_private__", None)
    return record
