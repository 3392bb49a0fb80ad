"""Rebuild the derived concept tables from the shared sources and the reviewed overlay.

Writes ingredients.tsv, names.tsv, products.tsv and value_set_codes.tsv; everything else in rulesets/concepts
is written by hand. Run: python scripts/build_concepts.py [--shared FOLDER] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from caveat.terminology.concepts import Terminology
from caveat.terminology.load import FILES, load_terminology
from caveat.terminology.reading import Reading, read
from caveat.terminology.text import key

ROOT = Path(__file__).resolve().parent.parent
CONCEPTS = ROOT / "rulesets" / "concepts"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DERIVED = {
    "ingredients.tsv": "id name rxcui atc unii verified source kind",
    "names.tsv": "name ingredients kind route source",
    "products.tsv": "system code ingredients route form display source",
    "value_set_codes.tsv": "set code display member source",
}
COMBINATION = re.compile(
    r"A02BD|A10BD|A12AX|C02L|C03A[BHX]|C03B[BK]|C03CB|C03E|C07[B-F]|C08G|C09[BD]|C10B|D01AE20|D07[BCX]|D10AA|G03A[AB]|"
    r"G03[EF]|J01CR|J01EE|J01RA|J04AM|J05AR|M01BA|M05BB|N02A[GJ]|N04BA0[23567]|N05C[BX]|N06C|P01BF|R01AB|R03A[KL]|"
    r"R03DB|R06AK|S01BB|S01C|S02C|S03C|.....[5-9]\d"
)
ATC_FORM = re.compile(r"[A-Z]\d\d[A-Z]{2}\d\d")
Row = tuple[str, ...]


def main(arguments: list[str] | None = None) -> int:
    """0 when every table is written; 1 with the list when a source row is neither bound nor rejected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder with data/terminology"
    )
    parser.add_argument("--out", type=Path, default=CONCEPTS, help="where the derived tables go")
    chosen = parser.parse_args(arguments)
    if not (chosen.shared / "data").is_dir():
        print(f"{chosen.shared}: no data folder here. Pass --shared", file=sys.stderr)
        return 1
    problems = build(chosen.shared / "data", chosen.out)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def build(data: Path, out: Path) -> list[str]:
    """Write the derived tables; or write nothing, and return what could not be decided."""
    problems: list[str] = []
    with TemporaryDirectory() as place:
        work = Path(place)
        for name in FILES:
            if name not in DERIVED:
                shutil.copy(CONCEPTS / name, work / name)
        ingredients, extra = _ingredients(data, problems)
        names: dict[str, Row] = {key(r[0]): tuple(r) for r in _overlay("names.tsv")}
        ingredients += _things(names, problems)
        _write(work / "ingredients.tsv", ingredients)
        _write(work / "names.tsv", names.values())
        _write(work / "products.tsv", [])
        _write(work / "value_set_codes.tsv", _value_set_codes(data, problems))
        displays = list(_displays(data))
        first = load_terminology(work)
        for name, ids, source in _brands(first, displays):
            if key(name) not in names and not (len(ids) == 1 and key(name) == key(ids[0])):
                names[key(name)] = (name, "|".join(ids), "brand", "", source)
        _write(work / "names.tsv", (names[k] for k in sorted(names)))
        _write(work / "products.tsv", _products(load_terminology(work), displays, extra, data, problems))
        load_terminology(work)
        if not problems:
            out.mkdir(parents=True, exist_ok=True)
            for name in DERIVED:
                shutil.copyfile(work / name, out / name)
    return problems


def _ingredients(data: Path, problems: list[str]) -> tuple[list[Row], list[Row]]:
    """Rows of ingredients.tsv, and products.tsv rows for further RxCUIs of the same substances."""
    owner: dict[str, str] = {}
    listed = {i: (name, unii) for i, name, unii, _, _ in _overlay("ingredients.tsv")}
    for i, _, _, sources, _ in _overlay("ingredients.tsv"):
        owner.update({s: i for s in sources.split("|") if s})
    rejected = {r[0] for r in _overlay("rejected.tsv")}
    verdicts = {(i, code): action for i, code, action, _ in _overlay("rxcui.tsv")}
    found: dict[str, dict[str, list[str]]] = {}
    atc: dict[str, set[str]] = {}
    origin: dict[str, set[str]] = {}
    for row in csv.DictReader(_text(data / "terminology/ingredients/ingredients_draft.csv")):
        name = row["name"]
        if name in rejected:
            continue
        if name not in owner:
            problems.append(
                f'draft ingredient "{name}" is neither in review/ingredients.tsv nor in review/rejected.tsv'
            )
            continue
        i = owner[name]
        found.setdefault(i, {}).setdefault(row["rxcui"], []).append(name)
        if row["conflict"] and (i, row["rxcui"]) not in verdicts:
            verdicts[i, row["rxcui"]] = "doubt"
        origin.setdefault(i, set()).update(row["rxcui_sources"].split("+"))
        for code in row["atc"].split("|"):
            atc.setdefault(code, set()).add(i)
    for line in _text(data / "terminology/fda-epc-classes/substance_epc_moa.tsv").readlines()[1:]:
        name = line.split("\t")[0].lower()
        if name in owner:
            origin.setdefault(owner[name], set()).add("fda-epc")
        elif name not in rejected:
            problems.append(
                f'FDA substance "{name}" is neither in review/ingredients.tsv nor in review/rejected.tsv'
            )
    for code, i in _rxnorm_ingredients(data, owner):
        found.setdefault(i, {}).setdefault(code, []).append("omop")
        origin.setdefault(i, set()).add("rxnorm in omop")
    bound = _atc(atc)
    rows: list[Row] = []
    extra: list[Row] = []
    claimed: dict[str, str] = {}
    for i, (name, unii) in sorted(listed.items()):
        codes = found.get(i, {})
        best = sorted(codes, key=lambda c: (verdicts.get((i, c)) == "reject", name not in codes[c], c))
        main_code = next((c for c in best if verdicts.get((i, c)) != "reject"), "")
        verified = "no" if verdicts.get((i, main_code)) == "doubt" else "yes"
        for c in best:
            if verdicts.get((i, c)) in {"reject", "doubt"}:
                continue
            if claimed.setdefault(c, i) != i:
                problems.append(
                    f"RxCUI {c} is claimed by {claimed[c]} and by {i}: decide in review/rxcui.tsv"
                )
            if c != main_code:
                extra.append(("rxnorm", c, i, "", "", codes[c][0], "draft"))
        sources = "+".join(sorted(origin.get(i, {"fda-unii" if unii else "inn"})))
        atc_codes = "|".join(sorted(bound.get(i, ())))
        rows.append((i, name, main_code, atc_codes, unii, verified, sources, "medicine"))
    return rows, extra


def _things(names: dict[str, Row], problems: list[str]) -> list[Row]:
    """Rows of ingredients.tsv for what is no medicine; their names are added to `names`."""
    found: list[Row] = []
    for i, name, kind, synonyms, source in _overlay("things.tsv"):
        found.append((i, name, "", "", "", "yes", source, kind))
        for text in filter(None, synonyms.split("|")):
            if key(text) in names and names[key(text)][1] != i:
                problems.append(f'review/things.tsv: "{text}" ({i}) is a name in review/names.tsv too')
            elif key(text) not in {key(i), key(name)}:
                names[key(text)] = (text, i, kind, "", source)
    return found


def _atc(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """Ingredient -> single-substance ATC codes: dead and combination codes out, reviewed ones in."""
    overlay = _overlay("atc.tsv")
    dropped = {(i, code) for i, code, action, _ in overlay if action == "drop"}
    closed = tuple(code[:-1] for i, code in dropped if code.endswith("*"))
    bound: dict[str, set[str]] = {}
    for code, ids in found.items():
        if len(ids) != 1 or not ATC_FORM.fullmatch(code) or COMBINATION.match(code):
            continue
        (i,) = ids
        if not code.startswith(closed) and not {("*", code), (i, code)} & dropped:
            bound.setdefault(i, set()).add(code)
    for i, code, action, _ in overlay:
        if action == "bind":
            bound.setdefault(i, set()).add(code)
    return bound


def _rxnorm_ingredients(data: Path, owner: dict[str, str]) -> Iterator[tuple[str, str]]:
    for row in _omop(data):
        if row["concept_class_id"] == "Ingredient" and row["concept_name"].lower() in owner:
            yield row["concept_code"], owner[row["concept_name"].lower()]


def _displays(data: Path) -> Iterator[tuple[str, str, str]]:
    """RxNorm code, display and source of every product seen, the most trusted source first."""
    for row in _omop(data):
        if row["concept_class_id"] != "Ingredient":
            yield row["concept_code"], row["concept_name"], "rxnorm in omop"
    for path in sorted((data / "terminology/cdc-opioid-value-sets").glob("*.json")):
        for c in json.loads(path.read_bytes()).get("expansion", {}).get("contains", ()):
            if c["system"] == RXNORM:
                yield c["code"], c["display"], f"cdc: {path.stem}"
    seen: dict[tuple[str, str], None] = {}
    for resource in _fhir(data / "fhir"):
        if resource["resourceType"] in {"MedicationRequest", "MedicationStatement", "Medication"}:
            concept = resource.get("medicationCodeableConcept") or resource.get("code") or {}
            for c in concept.get("coding", ()):
                if c.get("system") == RXNORM:
                    seen[c["code"], c.get("display", "")] = None
    for code, display in sorted(seen):
        yield code, display, "fhir"


def _brands(
    terminology: Terminology, displays: Iterable[tuple[str, str, str]]
) -> Iterator[tuple[str, Row, str]]:
    """Brands in square brackets, with the ingredients of the display; one that means several is left out."""
    meant: dict[str, set[Row]] = {}
    spelt: dict[str, tuple[str, str]] = {}
    for _, display, source in displays:
        for brand in re.findall(r"\[([^\]]+)\]", display):
            found = read(terminology, re.sub(r"\[[^\]]*\]", " ", display))
            if found.ingredients and not found.leftover and not found.ambiguous:
                meant.setdefault(key(brand), set()).add(tuple(sorted(found.ingredients)))
                spelt.setdefault(key(brand), (brand, source))
    for k in sorted(meant):
        if len(meant[k]) == 1:
            (ids,) = meant[k]
            yield spelt[k][0], ids, f"RxNorm display ({spelt[k][1]})"


def _products(
    terminology: Terminology,
    displays: Iterable[tuple[str, str, str]],
    extra: Iterable[Row],
    data: Path,
    problems: list[str],
) -> list[Row]:
    reviewed = {(r[0], r[1]): r for r in _overlay("products.tsv")}
    unread = {(r[0], r[1]) for r in _overlay("unread.tsv")}
    rows = {(r[0], r[1]): r for r in extra} | {k: (*r[:6], f"review: {r[6]}") for k, r in reviewed.items()}
    failed: dict[tuple[str, str], str] = {}
    own = {c.partition("|")[2] for c in terminology.tables.products if c.startswith("rxnorm|")}
    for code, display, source in displays:
        at = ("rxnorm", code)
        if at in rows or code in own or at in unread:
            continue
        found = read(terminology, display)
        if _is_whole(found):
            ids = "|".join(sorted(found.ingredients))
            rows[at] = ("rxnorm", code, ids, found.route, found.form, _clean(display), source)
        else:
            why = ", ".join(found.leftover) or "all"
            failed.setdefault(at, f'RxNorm {code} "{display}" ({source}): not understood: {why}')
    problems.extend(text for at, text in failed.items() if at not in rows)
    for code, display in _gps(data):
        at = ("snomed", code)
        plain, _, tag = display.rpartition(" (")
        if at in rows or tag not in {
            "substance)",
            "medicinal product)",
            "product)",
            "medicinal product form)",
        }:
            continue
        plain = re.sub(r"^Product containing (only )?", "", plain)
        name = terminology.name(key(plain))
        if name is not None and name.kind != "ambiguous":
            rows[at] = (
                "snomed",
                code,
                "|".join(sorted(name.ingredients)),
                "",
                "",
                display,
                "snomed-gps-2020",
            )
    return [rows[k] for k in sorted(rows, key=lambda k: (k[0], int(k[1]) if k[1].isdigit() else 0, k[1]))]


def _is_whole(found: Reading) -> bool:
    return bool(found.ingredients) and not found.leftover and not found.ambiguous


def _value_set_codes(data: Path, problems: list[str]) -> list[Row]:
    """Members of each value set in SNOMED CT, and reviewed non-members, by review/snomed.yaml.

    A member of one set that holds a word of another, and is neither in it nor reviewed and out, may be in it.
    """
    import yaml

    gps = []
    for code, display in _gps(data):
        plain, _, tag = display.rpartition(" (")
        gps.append((code, plain.lower(), frozenset(key(plain).split(" ")), tag.rstrip(")"), display))
    words = {
        v["id"]: [key(str(w)).split(" ") for w in v.get("words") or ()]
        for v in yaml.safe_load((CONCEPTS / "value_sets.yaml").read_text("utf-8"))
    }
    overlay = yaml.safe_load((CONCEPTS / "review" / "snomed.yaml").read_text("utf-8"))
    never_tags = set(overlay["never_tags"])
    rows: list[Row] = []
    left: list[Row] = []
    for spec in overlay["sets"]:
        tags = set(spec.get("tags") or ("disorder", "finding", "situation"))
        include, exclude, keep = (_any(spec.get(field)) for field in ("include", "exclude", "keep"))
        never = _any(overlay["never_any_set"] + spec.get("never", []))
        for code, low, there, tag, display in gps:
            taken = tag in tags and include(low)
            if not taken and not any(there.issuperset(w) for w in words[spec["id"]]):
                continue
            out = tag in never_tags or (never(low) and not keep(low))
            if out:
                rows.append((spec["id"], code, display, "no", "snomed-gps-2020"))
            elif taken and not exclude(low):
                rows.append((spec["id"], code, display, "yes", "snomed-gps-2020"))
            else:
                left.append((spec["id"], code, display, "may", "snomed-gps-2020"))
        for field, member in (("add", "yes"), ("remove", "no")):
            for c in spec.get(field) or ():
                rows.append((spec["id"], c["code"], c["display"], member, c["source"]))
        if spec["id"] != "hiccups" and not any(r[0] == spec["id"] and r[3] == "yes" for r in rows):
            problems.append(f"review/snomed.yaml: {spec['id']} finds no code")
    members = {code for _, code, _, member, _ in rows if member == "yes"}
    rows = [row for row in left if row[1] in members] + rows
    return sorted({(r[0], r[1]): r for r in rows}.values(), key=lambda r: (r[0], int(r[1])))


def _any(patterns: list[str] | None) -> Callable[[str], bool]:
    """Whether a text holds one of the patterns."""
    if not patterns:
        return lambda text: False
    search = re.compile("|".join(f"(?:{p})" for p in patterns)).search
    return lambda text: search(text) is not None


def _gps(data: Path) -> Iterator[tuple[str, str]]:
    found = json.loads((data / "terminology/snomed-gps-2020/ValueSet-snomed-intl-gps.json").read_bytes())
    for c in found["compose"]["include"][0]["concept"]:
        yield c["code"], _clean(c["display"])


def _omop(data: Path) -> Iterator[dict[str, str]]:
    with zipfile.ZipFile(data / "omop/synthea27nj/Synthea27Nj_5.4.zip") as archive:
        name = next(n for n in archive.namelist() if n.endswith("CONCEPT.csv") and "__MACOSX" not in n)
        for row in csv.DictReader(io.TextIOWrapper(archive.open(name), "utf-8")):
            if row["vocabulary_id"] == "RxNorm":
                yield row


def _fhir(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.rglob("Medication*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
    for path in sorted(folder.rglob("raw-bundles/*.json")):
        for entry in json.loads(path.read_bytes())["entry"]:
            yield entry["resource"]


def _overlay(name: str) -> list[list[str]]:
    lines = (CONCEPTS / "review" / name).read_text("utf-8").split("\n")
    return [line.split("\t") for line in lines[1:] if line]


def _text(path: Path) -> io.TextIOWrapper:
    return path.open(encoding="utf-8")


def _clean(text: str) -> str:
    return " ".join(text.split())


def _write(path: Path, rows: Iterable[Iterable[str]]) -> None:
    lines = ["\t".join(DERIVED[path.name].split(" ")), *("\t".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8", newline="\n")


if __name__ == "__main__":
    sys.exit(main())
