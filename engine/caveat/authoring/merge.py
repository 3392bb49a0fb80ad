"""A case's `given` laid over its `base`."""

from __future__ import annotations

from typing import Any


def merge(base: Any, given: Any) -> Any:
    """`base` with `given` over it: mappings by key, anything else replaced, a null key taken away.

    Neither argument is changed. A null inside a list stays, as lists are replaced whole.
    """
    if not isinstance(base, dict) or not isinstance(given, dict):
        return given
    result = dict(base)
    for key, value in given.items():
        if value is None:
            result.pop(key, None)
        else:
            below = result.get(key)
            inner = below if isinstance(below, dict) else {}
            result[key] = merge(inner, value) if isinstance(value, dict) else value
    return result
