"""Concept files read into a Terminology, and a Terminology written as JSON and read back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from caveat.terminology.concepts import Tables, Terminology
from caveat.terminology.kinds import Form, IngredientClass, ObservationConcept, Route, ValueSet
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
SET_FIELDS: Final = ("id", "title", "kind", "within", "icd10cm", "except", "labels", "may_be", "words")
FORMAT: Final = "terminology 4"


def load_terminology(folder: Path | str) -> Terminology:
    """The terminology of a concepts folder.

    Raises TerminologyError with the file and the row for a missing file, an id that is not defined, and an
    id, code or spelling that is given twice with different meanings.
    """
    return Terminology(_with_shares(_tables(Path(folder))))


def digest_of(folder: Path | str) -> str:
    """SHA-256 over the names and bytes of the concept files: the key to cache a terminology under."""
    from hashlib import sha256

    total = sha256(FORMAT.encode())
    for name in FILES:
        total.update(name.encode() + b"\0" + _bytes(Path(folder), name) + b"\0")
    return total.hexdigest()


def to_json(terminology: Terminology) -> bytes:
    """The compiled terminology as JSON, the same bytes for the same files."""
    import orjson

    return orjson.dumps(
        {"format": FORMAT, "tables": {f: getattr(terminology.tables, f) for f in Tables.__dataclass_fields__}}
    )


def from_json(data: bytes) -> Terminology:
    """A terminology from what `to_json` wrote; TerminologyError for anything else."""
    import orjson

    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise TerminologyError(f"not a compiled terminology: {error}. Delete the cached file") from None
    fields = Tables.__dataclass_fields__
    if (
        not isinstance(found, dict)
        or found.get("format") != FORMAT
        or set(found.get("tables", ())) != set(fields)
        or not all(isinstance(v, str if f == "digest" else dict) for f, v in found["tables"].items())
    ):
        raise TerminologyError(f"not a compiled terminology of format {FORMAT!r}. Delete the cached file")
    return Terminology(Tables(**found["tables"]))


def _with_shares(tables: Tables) -> Tables:
    """The tables with the label of each combination product read as the strengths of its ingredients."""
    from caveat.terminology.reading import read

    terminology = Terminology(tables)
    products = dict(tables.products)
    for code, cell in tables.products.items():
        if cell.count("\t") == 3:
            ids, route, form, label = cell.split("\t")
            found = read(terminology, label, known={}).shares
            shares = "|".join(f"{name}={strength}" for name, strength in found)
            if {name for name, _ in found} != set(ids.split("|")):
                shares = ""
            products[code] = "\t".join((ids, route, form, shares)).rstrip("\t")
    return replace(tables, products=products)


def _tables(folder: Path) -> Tables:
    from caveat.terminology.wider import WithinError

    try:
        return _indexed(folder)
    except WithinError as error:
        lines = _bytes(folder, "value_sets.yaml").decode("utf-8").split("\n")
        defined = re.compile(rf"[ {{-]*\bid: {re.escape(error.narrow)}(?![\w-])")
        line = next((f":{n}" for n, text in enumerate(lines, 1) if defined.match(text)), "")
        raise TerminologyError(f"value_sets.yaml{line}: {error}") from None


def _indexed(folder: Path) -> Tables:
    from caveat.terminology.index import build_tables

    codes: dict[tuple[str, str], list[str]] = {}
    for line, (value_set, code, _, member, _) in rows(folder, "value_set_codes.tsv", 5):
        if member not in ("yes", "no", "may"):
            raise TerminologyError(
                f"value_set_codes.tsv:{line}: member is {member!r}; yes, no and may are known"
            )
        codes.setdefault((value_set, member), []).append(code)
    members: dict[str, dict[str, str]] = {}
    for _, (group, ingredient, source) in rows(folder, "class_members.tsv", 3):
        members.setdefault(group, {})[ingredient] = source
    tables = build_tables(
        digest=digest_of(folder),
        ingredients={i: cells for _, (i, *cells) in rows(folder, "ingredients.tsv", 7, 8)},
        names=rows(folder, "names.tsv", 5),
        products=rows(folder, "products.tsv", 7),
        classes=[
            IngredientClass(
                c["id"],
                c["title"],
                c["definition"],
                frozenset(),
                _texts(c, "includes"),
                members.pop(c["id"], {}),
                _texts(c, "labels"),
                _texts(c, "codes"),
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
                snomed=tuple(codes.pop((v["id"], "yes"), ())),
                not_snomed=tuple(codes.pop((v["id"], "no"), ())),
                labels=_texts(v, "labels"),
                words=_texts(v, "words"),
                within=_texts(v, "within"),
                may_be=_texts(v, "may_be"),
                may_be_snomed=tuple(codes.pop((v["id"], "may"), ())),
            )
            for v in _value_sets(folder)
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
    )
    for file, beside, ids in (
        ("class_members.tsv", "classes.yaml", list(members)),
        ("value_set_codes.tsv", "value_sets.yaml", [value_set for value_set, _ in codes]),
    ):
        if ids:
            raise TerminologyError(f"{file}: {', '.join(ids)} is not defined in {beside}")
    return tables


def rows(folder: Path, name: str, width: int, most: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row under the heading, of `width` cells, or of up to `most`.

    Raises TerminologyError for a row of another width.
    """
    for number, line in enumerate(_bytes(folder, name).decode("utf-8").split("\n")[1:], 2):
        if not line:
            continue
        cells = line.split("\t")
        if not width <= len(cells) <= (most or width):
            raise TerminologyError(f"{name}:{number}: {len(cells)} cells where the heading has {width}")
        yield number, cells


def _bytes(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        why = error.strerror or "cannot be read"
        raise TerminologyError(f"{folder / name}: {why}. Is {folder} a folder of concepts?") from None


def _yaml(folder: Path, name: str) -> list[dict[str, Any]]:
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        found = yaml.load(_bytes(folder, name), Loader=loader)  # the base loader makes texts only
    except yaml.YAMLError as error:
        raise TerminologyError(f"{name}: not YAML: {error}") from None
    if not isinstance(found, list) or not all(isinstance(f, dict) and f.get("id") for f in found):
        raise TerminologyError(f"{name}: a list of concepts is needed, each with an id")
    return found


def _value_sets(folder: Path) -> list[dict[str, Any]]:
    """The value sets; a field that is none is refused, as a misspelt `within` would leave a rule silent."""
    found = _yaml(folder, "value_sets.yaml")
    for v in found:
        for field in v:
            if field not in SET_FIELDS:
                raise TerminologyError(
                    f"value_sets.yaml: {v['id']} has the field {field}, which is none. "
                    f"The fields are {', '.join(SET_FIELDS)}"
                )
    return found


def _texts(concept: Mapping[str, Any], field: str) -> tuple[str, ...]:
    found = concept.get(field) or ()
    if isinstance(found, str):
        raise TerminologyError(
            f"{concept['id']}: {field} is a text where a list is needed. Write {field}: [{found}]"
        )
    return tuple(found)


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
