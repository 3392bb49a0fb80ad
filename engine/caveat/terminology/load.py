"""Concept files read into a Terminology, and a Terminology written as JSON and read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from caveat.terminology.concepts import (
    Form,
    Ingredient,
    IngredientClass,
    Name,
    ObservationConcept,
    Product,
    Route,
    Tables,
    Terminology,
    ValueSet,
)
from caveat.terminology.problems import TerminologyError

FILES: Final = (
    "class_members.tsv",
    "classes.yaml",
    "forms.yaml",
    "ingredients.tsv",
    "names.tsv",
    "observations.yaml",
    "products.tsv",
    "routes.yaml",
    "value_set_codes.tsv",
    "value_sets.yaml",
    "words.tsv",
)


def load_terminology(folder: Path | str) -> Terminology:
    """The terminology of a concepts folder.

    Raises TerminologyError with the file and the row for a missing file, an id that is not defined, and an
    id, code or spelling that is given twice with different meanings.
    """
    return Terminology(load_tables(Path(folder)))


def digest_of(folder: Path | str) -> str:
    """SHA-256 over the names and bytes of the concept files: the key to cache a compiled terminology under."""
    from hashlib import sha256

    total = sha256()
    for name in FILES:
        total.update(name.encode() + b"\0" + _bytes(Path(folder), name) + b"\0")
    return total.hexdigest()


def to_json(terminology: Terminology) -> bytes:
    """The compiled terminology as JSON, the same bytes for the same files."""
    import msgspec

    return msgspec.json.encode(terminology.tables, order="sorted")


def from_json(data: bytes) -> Terminology:
    """A terminology from what `to_json` wrote; TerminologyError for anything else."""
    import msgspec

    try:
        return Terminology(msgspec.json.decode(data, type=Tables))
    except msgspec.DecodeError as error:
        raise TerminologyError(f"not a compiled terminology: {error}. Delete the cached file") from None


def load_tables(folder: Path) -> Tables:
    """Every table of a concepts folder, checked against each other."""
    from caveat.terminology.index import build_tables

    ingredients = {
        i: Ingredient(i, name, rxcui, _split(atc), unii, verified == "yes", source)
        for _, (i, name, rxcui, atc, unii, verified, source) in rows(folder, "ingredients.tsv", 7)
    }
    names = [
        (line, name, Name(_split(ids), kind, route))
        for line, (name, ids, kind, route, _) in rows(folder, "names.tsv", 5)
    ]
    products = {
        f"{system}|{code}": Product(_split(ids), route, form)
        for _, (system, code, ids, route, form, _, _) in rows(folder, "products.tsv", 7)
    }
    codes: dict[str, dict[str, str]] = {}
    out: dict[str, list[str]] = {}
    for _, (value_set, code, display, member, _) in rows(folder, "value_set_codes.tsv", 5):
        if member == "yes":
            codes.setdefault(value_set, {})[code] = display
        else:
            out.setdefault(value_set, []).append(code)
    members: dict[str, dict[str, str]] = {}
    for _, (group, ingredient, source) in rows(folder, "class_members.tsv", 3):
        members.setdefault(group, {})[ingredient] = source
    return build_tables(
        digest=digest_of(folder),
        ingredients=ingredients,
        names=names,
        products=products,
        classes=[
            IngredientClass(
                c["id"],
                c["title"],
                c["definition"],
                frozenset(),
                _texts(c, "includes"),
                members.pop(c["id"], {}),
            )
            for c in _yaml(folder, "classes.yaml")
        ],
        value_sets=[
            ValueSet(
                id=v["id"],
                title=v["title"],
                kind=v["kind"],
                icd10cm=_texts(v, "icd10cm"),
                excluded=_texts(v, "except"),
                snomed=codes.pop(v["id"], {}),
                not_snomed=tuple(out.pop(v["id"], ())),
                labels=_texts(v, "labels"),
                words=_texts(v, "words"),
            )
            for v in _yaml(folder, "value_sets.yaml")
        ],
        observations=[_observation(o) for o in _yaml(folder, "observations.yaml")],
        routes=[
            Route(r["id"], r["title"], _texts(r, "codes"), _texts(r, "spellings"))
            for r in _yaml(folder, "routes.yaml")
        ],
        forms=[
            Form(f["id"], f["title"], f.get("route", ""), _texts(f, "codes"), _texts(f, "spellings"))
            for f in _yaml(folder, "forms.yaml")
        ],
        noise={word: kind for _, (word, kind, _) in rows(folder, "words.tsv", 3)},
        strays={"class_members.tsv": tuple(members), "value_set_codes.tsv": (*codes, *out)},
    )


def rows(folder: Path, name: str, width: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row under the heading; TerminologyError for a row of another width."""
    lines = _bytes(folder, name).decode("utf-8").split("\n")
    for number, line in enumerate(lines[1:], 2):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) != width:
            raise TerminologyError(f"{name}:{number}: {len(cells)} cells where the heading has {width}")
        yield number, cells


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise TerminologyError(
            f"{folder / name}: cannot be read ({error.strerror}). Is this a concepts folder?"
        ) from None


def _yaml(folder: Path, name: str) -> list[dict[str, Any]]:
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        found = yaml.load(_bytes(folder, name), Loader=loader)  # noqa: S506 - the base loader makes texts only
    except yaml.YAMLError as error:
        raise TerminologyError(f"{name}: not YAML: {error}") from None
    if not isinstance(found, list) or not all(isinstance(f, dict) and f.get("id") for f in found):
        raise TerminologyError(f"{name}: a list of concepts is needed, each with an id")
    return found


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def _texts(concept: Mapping[str, Any], field: str) -> tuple[str, ...]:
    return tuple(concept.get(field) or ())


def _observation(o: Mapping[str, Any]) -> ObservationConcept:
    return ObservationConcept(
        id=o["id"],
        title=o["title"],
        kind=o["kind"],
        unit=o.get("unit", ""),
        loinc={code: c["display"] for code, c in (o.get("loinc") or {}).items()},
        analyte=o.get("analyte", ""),
        plausible=_range(o, "plausible"),
        possible=_range(o, "possible"),
        labels=_texts(o, "labels"),
    )


def _range(o: Mapping[str, Any], field: str) -> tuple[float | None, float | None]:
    low, high = o.get(field) or ("", "")
    return (float(low) if low else None, float(high) if high else None)
