"""What can be ordered, diagnosed and recorded, taken from rulesets/concepts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.cohort.settings import Shares
from caveat.compile.ruleset import load
from caveat.terminology.codes import Code
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import resolve

Coding = tuple[str, str, str | None]
"""System, code, display."""

BACLOFEN = "baclofen"
_STRENGTHS = (0.5, 1, 2.5, 5, 10, 20, 25, 40, 50, 100, 200, 250, 500)
# Written form, id of the form, the route in words, how often.
_FORMS = (
    ("tablet", "tablet", "oral", 60),
    ("capsule", "capsule", "by mouth", 18),
    ("oral solution", "oral-solution", "po", 5),
    ("solution for injection", "injection", "subcutaneous", 7),
    ("cream", "cream", "topical", 5),
    ("inhaler", "inhaler", "inhaled", 5),
)
_ORAL_BACLOFEN = ("baclofen 10 mg tablet", "Lioresal 10 mg tablet", "baclofen 20 mg tablet")
_PUMP_BACLOFEN = ("Gablofen", "Lioresal Intrathecal", "baclofen intrathecal solution for injection")
# The first ranks, in an order that is assumed; all others are shuffled behind them.
_COMMONEST = """atorvastatin levothyroxine metformin lisinopril amlodipine metoprolol salbutamol omeprazole
losartan gabapentin hydrochlorothiazide sertraline simvastatin pantoprazole furosemide acetylsalicylic-acid
paracetamol rosuvastatin escitalopram tamsulosin bupropion fluoxetine trazodone prednisone ramipril
ibuprofen amoxicillin warfarin clopidogrel insulin-glargine tramadol duloxetine apixaban carvedilol
meloxicam potassium-chloride citalopram venlafaxine alprazolam clonazepam zolpidem lorazepam diazepam
quetiapine pregabalin topiramate lamotrigine levetiracetam amitriptyline mirtazapine cyclobenzaprine
allopurinol spironolactone folic-acid ferrous-sulfate colecalciferol oxycodone hydrocodone morphine codeine
tizanidine oxybutynin naproxen diclofenac bisoprolol candesartan valsartan doxazosin digoxin methotrexate
fluticasone montelukast budesonide estradiol finasteride sildenafil aripiprazole risperidone olanzapine
donepezil ropinirole""".split()
_ALLERGENS = (
    ("penicillin", 30),
    ("amoxicillin", 12),
    ("sulfamethoxazole", 12),
    ("codeine", 10),
    ("ibuprofen", 8),
    ("aspirin", 8),
    ("latex", 5),
    ("morphine", 4),
    ("iodine", 3),
    ("peanut", 3),
    ("gabapentin", 2),
    ("baclofen", 1),
    ("Lioresal", 1),
)
# ICD-10-CM, how many in a thousand conditions: common problems, about which the bundled rules say nothing.
_COMMON = (
    ("I10", 110, "Essential hypertension"),
    ("E78.5", 80, "Hyperlipidemia"),
    ("E11.9", 60, "Type 2 diabetes mellitus"),
    ("M54.50", 40, "Low back pain"),
    ("K21.9", 40, "Gastro-esophageal reflux disease"),
    ("M17.9", 30, "Osteoarthritis of knee"),
    ("I25.10", 25, "Coronary heart disease"),
    ("E03.9", 25, "Hypothyroidism"),
    ("I48.91", 20, "Atrial fibrillation"),
    ("E66.9", 20, "Obesity"),
    ("N40.0", 15, "Benign prostatic hyperplasia"),
    ("D64.9", 15, "Anemia"),
    ("M81.0", 15, "Osteoporosis"),
    ("I50.9", 15, "Heart failure"),
    ("H26.9", 15, "Cataract"),
    ("L40.9", 10, "Psoriasis"),
    ("G43.909", 10, "Migraine"),
    ("M10.9", 8, "Gout"),
)
# Value set, how many in a thousand conditions.
_VALUE_SETS = (
    ("depression", 40),
    ("respiratory-disease", 50),
    ("chronic-kidney-disease", 30),
    ("falls", 15),
    ("stroke", 15),
    ("epilepsy-or-seizure", 12),
    ("substance-use-disorder", 12),
    ("alcohol-use-disorder", 12),
    ("peptic-ulcer", 8),
    ("psychosis-or-schizophrenia", 6),
    ("sleep-apnoea", 12),
    ("severe-renal-impairment", 8),
    ("end-stage-renal-disease", 4),
    ("dialysis", 3),
    ("chronic-liver-disease", 12),
    ("cirrhosis", 4),
    ("ascites", 2),
    ("multiple-sclerosis", 6),
    ("spasticity", 8),
    ("spinal-cord-injury", 3),
    ("cerebral-palsy", 4),
    ("psychiatric-disorder", 25),
    ("dizziness", 8),
    ("confusion", 6),
    ("hypotension", 5),
    ("weakness", 4),
    ("drowsiness", 3),
    ("nausea", 5),
    ("pregnancy", 6),
    ("autonomic-dysreflexia", 1),
    ("myasthenia-gravis", 1),
)


@dataclass(frozen=True, slots=True)
class Product:
    """One way to write an order; `ingredients` is what it is recognised as (empty: not at all)."""

    text: str | None
    codes: tuple[Coding, ...]
    named: tuple[str, ...] | None
    form: str | None
    route: str | None
    strength: float
    ingredients: tuple[str, ...]
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Named:
    """One way to write a condition or an allergen."""

    codes: tuple[Coding, ...]
    text: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is drawn from, always in the same order.

    `singles` holds the products of an ingredient, the most prescribed ingredient first.
    """

    ingredients: tuple[str, ...]
    singles: tuple[tuple[Product, ...], ...]
    combinations: tuple[Product, ...]
    unrecognised: tuple[Product, ...]
    oral: tuple[Product, ...]
    pump: tuple[Product, ...]
    conditions: tuple[Named, ...]
    unknown_conditions: tuple[Named, ...]
    allergens: tuple[Named, ...]
    none_known: tuple[Named, ...]
    unknown_allergens: tuple[Named, ...]


@cache
def catalogue(shares: Shares) -> Catalogue:
    """The catalogue of the bundled concepts; the same for every seed."""
    terminology = load().terminology
    draw = random.Random("catalogue")
    taken = _prescribed(terminology, shares.ingredients, draw)
    names = _names(terminology)
    singles = tuple(_single(terminology, one, names.get(one, ()), draw) for one in taken)
    known, unknown = _allergens()
    return Catalogue(
        ingredients=taken,
        singles=singles,
        combinations=_combinations(terminology, draw),
        unrecognised=_unrecognised(terminology, taken, draw),
        oral=_baclofen(terminology, _ORAL_BACLOFEN, "tablet", "oral"),
        pump=_baclofen(terminology, _PUMP_BACLOFEN, None, "intrathecal"),
        conditions=_conditions(terminology, draw),
        unknown_conditions=tuple(Named((), f"problem list item {n}", 1) for n in range(40)),
        allergens=known,
        none_known=(
            Named((("snomed", "716186003", None),), "No known allergy", 1),
            Named((("snomed", "409137002", None),), "No known drug allergy", 1),
            Named((), "no known drug allergies", 1),
        ),
        unknown_allergens=unknown,
    )


def _prescribed(terminology: Terminology, count: int, draw: random.Random) -> tuple[str, ...]:
    """`count` ingredients, most prescribed first; those with both RxNorm and ATC codes are preferred."""
    known = terminology.ids("ingredient") - {BACLOFEN}
    first = tuple(one for one in _COMMONEST if one in known)[:count]
    everything = sorted(known.difference(first))
    draw.shuffle(everything)

    def rank(one: str) -> int:
        found = terminology.ingredient(one)
        return -bool(found.rxcui) - bool(found.atc)

    chosen = sorted(everything, key=rank)[: count - len(first)]
    draw.shuffle(chosen)
    return (*first, *chosen)


def _names(terminology: Terminology) -> dict[str, tuple[str, ...]]:
    """Brands and synonyms of one ingredient, by its id."""
    found: dict[str, list[str]] = {}
    for text_key, cell in sorted(terminology.tables.names.items()):
        ids, _, rest = cell.partition("\t")
        if "|" not in ids and rest.partition("\t")[0] in ("brand", "synonym", "usan", "ban"):
            found.setdefault(ids, []).append(text_key)
    return {one: tuple(names) for one, names in found.items()}


def _product(
    terminology: Terminology,
    text: str | None,
    codes: tuple[Coding, ...],
    *,
    named: tuple[str, ...] | None = None,
    form: str | None = None,
    route: str | None = None,
    strength: float = 10,
    weight: int = 1,
) -> Product:
    whole = resolve(terminology, [Code(s, c, d or "") for s, c, d in codes], text)
    found = whole.ingredients if text or codes else ()
    if named:
        parts = [resolve(terminology, (), name).ingredients for name in named]
        found = tuple(dict.fromkeys(i for part in (*parts, found) for i in part))
    return Product(text, codes, named, form, route, strength, found, weight)


def _single(
    terminology: Terminology, one: str, names: Sequence[str], draw: random.Random
) -> tuple[Product, ...]:
    """How orders of an ingredient are written: coded and named, named alone, by ATC, by brand."""
    about = terminology.ingredient(one)
    written, form, route, _ = draw.choices(_FORMS, [f[3] for f in _FORMS])[0]
    strength = draw.choice(_STRENGTHS)
    text = f"{about.name} {strength:g} mg {written}"
    rxnorm: tuple[Coding, ...] = (("rxnorm", about.rxcui, None),) if about.rxcui else ()
    shown: tuple[Coding, ...] = (("rxnorm", about.rxcui, about.name),) if about.rxcui else ()
    atc: tuple[Coding, ...] = tuple(("atc", code, None) for code in about.atc[:1])
    brands = draw.sample(list(names), min(2, len(names)))
    tried = [
        _product(terminology, text, rxnorm, form=form, route=route, strength=strength, weight=4),
        _product(terminology, text, (), route=route, strength=strength, weight=2),
        _product(terminology, None, shown, form=form, route=route, strength=strength),
        _product(terminology, about.name, (*rxnorm, *atc), route=route, strength=strength),
        _product(terminology, about.name, atc, form=form, strength=strength),
        _product(terminology, None, (), named=(one,), form=form, route=route, strength=strength),
        *(_product(terminology, f"{b.title()} {strength:g} mg", (), route=route) for b in brands),
    ]
    good = tuple(p for p in tried if p.ingredients == (one,) and (p.text or p.codes or p.named))
    return good or (_product(terminology, None, (), named=(one,), form=form, route=route),)


def _combinations(terminology: Terminology, draw: random.Random) -> tuple[Product, ...]:
    """Products with several ingredients: RxNorm codes with a text of their ingredients, and brands."""
    tried = []
    for place in sorted(terminology.tables.products):
        system, _, code = place.partition("|")
        found = terminology.product(system, code)
        if system == "rxnorm" and found and len(found.ingredients) > 1:
            tried.append(_product(terminology, None, ((system, code, None),), strength=5, weight=2))
            tried.append(_product(terminology, " / ".join(found.ingredients), (), route="oral"))
    for text, cell in sorted(terminology.tables.names.items()):
        if "|" in cell.partition("\t")[0]:
            tried.append(_product(terminology, text.title(), (), form="tablet", strength=5))
    good = [p for p in tried if len(p.ingredients) > 1 and BACLOFEN not in p.ingredients]
    return tuple(draw.sample(good, min(200, len(good))))


def _unrecognised(terminology: Terminology, taken: Sequence[str], draw: random.Random) -> tuple[Product, ...]:
    """Misspelt names that nothing is recognised in."""
    found: list[Product] = []
    for one in draw.sample(list(taken), min(len(taken), 300)):
        name = terminology.ingredient(one).name
        at = draw.randrange(1, len(name))
        wrong = name[:at] + draw.choice("xqzk") + name[at + 1 :]
        tried = _product(terminology, f"{wrong} 10 mg", ())
        if not tried.ingredients and len(found) < 100:
            found.append(tried)
    return tuple(found)


def _baclofen(
    terminology: Terminology, texts: Sequence[str], form: str | None, route: str
) -> tuple[Product, ...]:
    rxcui = terminology.ingredient(BACLOFEN).rxcui
    codes: tuple[Coding, ...] = (("rxnorm", rxcui, None),)
    found = [_product(terminology, t, (), form=form, route=route, strength=10) for t in texts]
    found.append(_product(terminology, texts[0], codes, form=form, route=route, strength=10, weight=3))
    return tuple(p for p in found if p.ingredients == (BACLOFEN,))


def _conditions(terminology: Terminology, draw: random.Random) -> tuple[Named, ...]:
    """Common problems, and codes of the value sets: ICD-10-CM (with and without a dot) and SNOMED CT."""
    found = [Named((("icd10cm", code, None),), text, weight) for code, weight, text in _COMMON]
    for name, weight in _VALUE_SETS:
        about = terminology.value_set(name)
        roots = [code for code in about.icd10cm if len(code) >= 3]
        codes = [("icd10cm", _dotted(code) if n % 3 else code) for n, code in enumerate(roots)][:6]
        snomed = draw.sample(sorted(about.snomed), min(4, len(about.snomed)))
        codes += [("snomed", code) for code in snomed]
        written = [Named(((system, code, None),), None, 1) for system, code in codes]
        written += [Named(((system, code, about.title),), None, 1) for system, code in codes[:2]]
        written += [Named((), label, 0.5) for label in about.labels[:1]]
        whole = sum(one.weight for one in written)
        found += [Named(one.codes, one.text, weight * one.weight / whole) for one in written]
    return tuple(found)


def _dotted(code: str) -> str:
    bare = code.replace(".", "")
    return bare if len(bare) <= 3 else f"{bare[:3]}.{bare[3:]}"


def _allergens() -> tuple[tuple[Named, ...], tuple[Named, ...]]:
    known = tuple(Named((), text, weight) for text, weight in _ALLERGENS)
    return known, tuple(Named((), f"allergen {n}", 1) for n in range(20))


def all_products(found: Catalogue) -> Iterable[Product]:
    """Every product, in the order in which a generated order's `product` counts them."""
    for group in (*found.singles, found.combinations, found.unrecognised, found.oral, found.pump):
        yield from group
