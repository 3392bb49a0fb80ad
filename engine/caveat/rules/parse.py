"""Data with positions to models, every mistake a diagnostic of its own."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from caveat.facts.catalog import PATIENT_NUMBERS
from caveat.rules.diagnostics import Path, Problems, did_you_mean
from caveat.rules.expression import Expression
from caveat.rules.source import Source

Model = TypeVar("Model", bound=BaseModel)

_TITLES = {
    "extra_forbidden": ("C011", "unknown key"),
    "missing": ("C012", "missing key"),
    "literal_error": ("C013", "value is not one of the choices"),
    "string_pattern_mismatch": ("C014", "value has the wrong form"),
}


def parse(model: type[Model], source: Source, problems: Problems) -> Model | None:
    """The file as `model`, or None after recording each thing that does not fit."""
    if not isinstance(source.data, dict):
        place = source.place(())
        problems.add("C013", "file is not a mapping", place, hint="Begin with `format: 1`.")
        return None
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            _report(item, model, source, problems)
    except RecursionError:
        problems.add("C003", "not valid YAML", source.place(()), why="Nested too deeply.")
    return None


def _report(item: Any, model: type[BaseModel], source: Source, problems: Problems) -> None:
    path = _known_path(tuple(item["loc"]), source)
    code, title = _TITLES.get(item["type"], ("C015", "value does not fit"))
    rule = _rule_of(path, source)
    if item["type"] == "extra_forbidden":
        key = str(item["loc"][-1])
        hint = did_you_mean(key, _allowed(model, tuple(item["loc"][:-1])))
        place = source.place(path, key=True)
        problems.add(code, f"{title} {key!r}", place, why="It would be ignored.", hint=hint, rule=rule)
        return
    if item["type"] == "missing":
        key = str(item["loc"][-1])
        parent = path[:-1] if path and path[-1] == key else path
        problems.add(
            code, f"{title} {key!r}", source.place(parent), why=f"{key} is required here.", rule=rule
        )
        return
    if _is_misspelt_key(path, source):
        key = str(path[-1])
        problems.add(
            "C020",
            f"unknown fact {key!r}",
            source.place(path, key=True),
            why=f"{key} is neither a key of the language nor a number with a range.",
            hint=did_you_mean(key, (*_EXPRESSION_KEYS, *PATIENT_NUMBERS)),
            rule=rule,
        )
        return
    if item["type"] == "too_short" and item["input"]:
        return  # the members are there, and each has its own fault
    problems.add(code, title, source.place(path), why=_why(item), rule=rule)


_NEEDED = {
    "bool": "true or false is needed.",
    "string": "A text is needed. Put quotes round it if it looks like a number.",
    "int": "A whole number is needed.",
    "float": "A number is needed.",
    "tuple": "A list is needed: [a, b].",
    "dict": "A mapping is needed: {key: value}.",
    "model": "A mapping is needed: {key: value}.",
}


def _why(item: Any) -> str:
    """What pydantic found, in the words of someone who writes YAML."""
    kind = str(item["type"])
    if kind == "literal_error":
        return f"Write {item['ctx']['expected']}."
    if kind == "too_short":
        return "It is empty."
    if kind.endswith(("_type", "_parsing")):
        needed = _NEEDED.get(kind.partition("_")[0])
        if needed is not None:
            return needed
    return str(item["msg"]).removeprefix("Value error, ").removesuffix(".") + "."


def _known_path(loc: tuple[str | int, ...], source: Source) -> Path:
    """The longest part of pydantic's location that is a place in the file."""
    path: Path = ()
    for step in loc:
        if (*path, step) in source.values or (*path, step) in source.keys:
            path = (*path, step)
        elif not isinstance(step, int) and step == loc[-1]:
            return (*path, step)
    return path


def _is_misspelt_key(path: Path, source: Source) -> bool:
    """Whether a text or list stands where a range would: most likely a misspelt key."""
    if not path or not isinstance(path[-1], str) or path[-1] in _EXPRESSION_KEYS:
        return False
    if path not in source.values:
        return False
    value: Any = source.data
    for step in path:
        value = value[step]
    inside = any(step in ("when", "unless", "all", "any", "not", "of") for step in path[:-1])
    return inside and not isinstance(value, dict) and path[-2] in ("when", "not", *range(1000))


_EXPRESSION_KEYS = {field.alias or name for name, field in Expression.model_fields.items()} | {
    "id",
    "because",
}


def _rule_of(path: Path, source: Source) -> str:
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
        rules = source.data.get("rules")
        if isinstance(rules, list) and path[1] < len(rules) and isinstance(rules[path[1]], dict):
            return str(rules[path[1]].get("id", ""))
    return ""


def _allowed(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[str]:
    """The keys that stand where `loc` points, found by walking the model's annotations."""
    import typing

    def models(annotation: Any) -> list[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return [annotation]
        return [m for arg in typing.get_args(annotation) for m in models(arg)]

    here: list[type[BaseModel]] = [model]
    for step in loc:
        if isinstance(step, int):
            continue
        following = [
            found
            for kind in here
            for name, field in kind.model_fields.items()
            if step in (name, field.alias)
            for found in models(field.annotation)
        ]
        here = following or here
    return [field.alias or name for kind in here for name, field in kind.model_fields.items()]
