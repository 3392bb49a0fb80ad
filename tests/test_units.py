"""Units: what is one unit, what never converts into what, and what is refused."""

from __future__ import annotations

import csv
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.errors import DimensionError, UnitError
from caveat.units import (
    MOLAR_MASS,
    VALENCE,
    convert,
    normal_unit,
    parse_quantity,
    parse_unit,
)
from caveat.units.atoms import ATOMS, PREFIXES
from caveat.units.spellings import EXACT, REFUSED, WHOLE, WORDS

EGFR = "mL/min/{1.73_m2}"
EGFR_SPELLINGS = [
    EGFR,
    "mL/min/1.73_m2",
    "mL/min/1.73m2",
    "mL/min/1.73 m2",
    "mL/min/1.73m*2",
    "mL/min/1.73 m^2",
    "mL/min/[1.73_m2]",
    "mL/min/{1.73m2}",
    "mL/min/{1.73 m2}",
    "mL/min/1.73m\u00b2",
    "mL/min/1.73 m\u00b2",
    "ml/min/1.73m2",
    "ML/MIN/1.73 M2",
    "mL / min / 1.73 m2",
    "mL/min per 1.73 m2",
    "mL/min/1,73m2",
    "mL/min/(1.73 m2)",
    "mL/min/(1.73_m2)",
    "mL/min{1.73_m2}",
    "mL/min 1.73 m2",
    "mL/min/1.73",
    "mL/min/1.73 sq. m",
]


def test_every_spelling_of_a_rate_per_surface_is_one_unit() -> None:
    for spelling in EGFR_SPELLINGS:
        assert parse_unit(spelling) == parse_unit(EGFR), spelling
        assert parse_unit(spelling).text == EGFR


@pytest.mark.parametrize("plain", ["mL/min", "mL/s", "L/h", "ml/min", "mL/min/m2", "mL/min/kg", "/min", "1"])
@pytest.mark.parametrize("spelling", [*EGFR_SPELLINGS, "mL/(min.{1.73_m2})", "L/d/1.73_m2"])
def test_egfr_and_clearance_never_interconvert(spelling: str, plain: str) -> None:
    for source, target in ((spelling, plain), (plain, spelling)):
        for analyte in (None, "creatinine"):
            with pytest.raises(DimensionError):
                convert(30, source, target, analyte=analyte)


def test_the_refusal_says_that_egfr_is_not_clearance() -> None:
    with pytest.raises(DimensionError, match=r"eGFR or creatinine clearance.*never stand in"):
        convert(30, EGFR, "mL/min")


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("mcg", "ug"), ("\u00b5g", "ug"), ("\u03bcg", "ug"), ("ug", "ug"), ("MCG", "ug"),
        ("umol/L", "umol/L"),
        ("\u00b5mol/l", "umol/L"), ("mg/dl", "mg/dL"), ("MG/DL", "mg/dL"), ("ml/min", "mL/min"),
        ("mL / min", "mL/min"), ("cc", "mL"), ("lb", "[lb_av]"), ("lbs", "[lb_av]"), ("kgs", "kg"),
        ("Kg", "kg"),
        ("years", "a"), ("year", "a"), ("yr", "a"), ("y", "a"), ("yo", "a"), ("y/o", "a"), ("months", "mo"),
        ("weeks", "wk"), ("days", "d"), ("hours", "h"), ("hr", "h"), ("hrs", "h"), ("g/dl", "g/dL"),
        ("mEq/L", "meq/L"), ("MEQ", "meq"), ("IU", "[iU]"), ("[IU]", "[iU]"), ("units", "[iU]"),
        ("UNT", "[iU]"),
        ("mg/day", "mg/d"), ("mg/24h", "mg/d"), ("mg/24 hours", "mg/d"), ("mcg/day", "ug/d"),
        ("mg per day", "mg/d"),
        ("mg daily", "mg/d"), ("times/day", "/d"), ("times a day", "/d"), ("x/day", "/d"), ("per day", "/d"),
        ("times daily", "/d"), ("tablets", "{tablet}"), ("Tablet(s)", "?"), ("TAB", "{tablet}"),
        ("{tbl}", "{tablet}"),
        ("capsule", "{capsule}"), ("puffs", "{puff}"), ("tablets/day", "{tablet}/d"), ("MG/ML", "mg/mL"),
        ("UNT/ML", "[iU]/mL"), ("mmHg", "mm[Hg]"), ("mm Hg", "mm[Hg]"), ("10^9/L", "10*9/L"),
        ("10\u2079/L", "10*9/L"),
        ("x10E3/uL", "10*3/uL"), ("K/uL", "10*3/uL"), ("bpm", "/min"), ("\u00b0C", "Cel"),
        ("kg/m\u00b2", "kg/m2"),
        ("kg/m^2", "kg/m2"), ("mg/kg/24h", "mg/kg/d"), ("mg/8h", "mg/(8.h)"), ("mg/100 mL", "mg/(100.mL)"),
        ("%", "%"), ("percent", "%"), ("1", "1"), ("mIU/L", "m[iU]/L"), ("mg%", "mg/dL"),
        ("mOsm/kg", "mosm/kg"),
    ],
)  # fmt: skip
def test_everyday_spellings(spelling: str, canonical: str) -> None:
    if canonical == "?":
        with pytest.raises(UnitError):
            parse_unit(spelling)
    else:
        assert parse_unit(spelling).text == canonical


@pytest.mark.parametrize("spelling", sorted(REFUSED))
def test_spellings_that_could_harm_are_refused_by_name(spelling: str) -> None:
    with pytest.raises(UnitError, match="Write"):
        parse_unit(spelling)
    with pytest.raises(UnitError, match="Write"):
        parse_unit(f"{spelling}/L")


@pytest.mark.parametrize(
    "text",
    ["", " ", "mgg", "mg/", "/", "(", "(mg", "mg)", "{", "{a{b}}", "m[", "m99", "m0", "10*999", "mg//L",
     "mg..L",
     "Cel/min", "2.Cel", "/Cel", "Cel2", "mCel", "0.mg", "foo/bar", "mg dL", "\x00", "\U0001f48a", "a" * 5000,
     "(" * 90, "5mg", "mL/min/11.73m2", "mg/dL/L-", "EU2.x", "PT"],
)  # fmt: skip
def test_what_is_not_a_unit_is_refused(text: str) -> None:
    with pytest.raises(UnitError):
        parse_unit(text)


@pytest.mark.parametrize(
    ("wrong", "meant"), [("mg/dLL", "mg/dL"), ("Ug", "ug"), ("tabletts", "{tablet}"), ("mmoll/L", "mmol/L")]
)
def test_a_near_miss_gets_a_suggestion(wrong: str, meant: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_unit(wrong)
    assert f"Did you mean {meant}?" in str(caught.value)


COUNTS = ["tablets", "capsules", "puffs", "drops", "patches", "{dose}", "{film}", "{anything_else}"]


def test_counted_things_are_measures_of_their_own() -> None:
    for first, second in product([*COUNTS, "1", "mg", "mL", "[iU]", "U", "%"], COUNTS):
        if first != second:
            with pytest.raises(DimensionError):
                convert(1, first, second)


def test_plural_case_and_blanks_do_not_make_another_thing() -> None:
    assert convert(2, "{Tablets}", "{tablet}") == 2
    assert convert(2, "{foo bar}", "{Foo_bars}") == 2
    assert convert(2, "{copies}/mL", "copies/mL") == 2


def test_names_of_plain_numbers_are_plain_numbers() -> None:
    for name in ("{INR}", "{score}", "{ratio}", "{count}", "10*0", "INR"):
        assert convert(3, name, "1") == 3
    assert convert(70, "{beats}/min", "/min") == 70
    assert convert(4, "10*3{RBCs}/uL", "10*9/L") == 4
    assert convert(4, "{cells}/uL", "10*6/L") == 4


def test_an_annotation_behind_a_unit_qualifies_unless_it_changes_the_measure() -> None:
    assert convert(30, "mg/g{creat}", "mg/g") == 30
    for other in ("mg/L", "mg{DDU}/L"):
        with pytest.raises(DimensionError):
            convert(1, "mg{FEU}/L", other)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        ("1", "g", "mg", "1000"), ("90", "mL/min", "mL/s", "1.5"), ("1", "a", "d", "365.25"),
        ("1", "mo", "d", "30.4375"),
        ("1", "wk", "h", "168"), ("1", "[lb_av]", "g", "453.59237"), ("10", "[in_i]", "cm", "25.4"),
        ("37", "Cel", "[degF]", "98.6"), ("98.6", "[degF]", "Cel", "37"), ("0", "Cel", "K", "273.15"),
        ("-40", "Cel", "[degF]", "-40"), ("5", "mg/dL", "mg/L", "50"), ("5", "g/L", "g/dL", "0.5"),
        ("1", "mg/(8.h)", "mg/d", "3"), ("1", "10*9/L", "10*3/uL", "1"), ("7", "%", "1", "0.07"),
        ("1", "U/L", "umol/L/min", "1"), ("60", "U/L", "ukat/L", "1"), ("1", "kcal", "kJ", "4.184"),
        ("1", "g/m.m", "g", "1"), ("2", "L/min/m2", "L/(min.m2)", "2"), ("1", "cm[H2O]", "Pa", "98.0665"),
        ("75", "mg/24h", "mg/day", "75"), ("1", "uCi", "kBq", "37"),
    ],
)  # fmt: skip
def test_conversion_is_exact(value: str, source: str, target: str, expected: str) -> None:
    assert convert(Decimal(value), source, target) == Fraction(expected)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("mg", "mL"), ("mg/dL", "umol/L"), ("meq/L", "mmol/L"), ("mosm/kg", "mmol/kg"), ("[iU]", "U"),
        ("mg", "1"),
        ("[iU]/L", "U/L"), ("Gy", "Sv"), ("/min", "Bq"), ("[pH]", "1"), ("mg", "mg/d"), ("d", "/d"),
        ("[CFU]", "1"),
    ],
)  # fmt: skip
def test_different_measures_do_not_convert(source: str, target: str) -> None:
    for pair in ((source, target), (target, source)):
        with pytest.raises(DimensionError, match="measure different things"):
            convert(1, *pair)


def test_mass_moles_and_equivalents_convert_for_a_named_analyte() -> None:
    assert float(convert(1, "mg/dL", "umol/L", analyte="creatinine")) == pytest.approx(88.4, abs=0.01)
    assert float(convert(1, "mg/dL", "umol/L", analyte="bilirubin")) == pytest.approx(17.1, abs=0.01)
    assert float(convert(18, "mg/dL", "mmol/L", analyte="glucose")) == pytest.approx(1.0, abs=0.001)
    assert float(convert(40, "g/L", "umol/L", analyte="albumin")) == pytest.approx(602, abs=1)
    assert float(convert(28, "mg/dL", "mmol/L", analyte="urea_nitrogen")) == pytest.approx(10, abs=0.01)
    assert convert(4, "meq/L", "mmol/L", analyte="potassium") == 4
    assert convert(4, "meq/L", "mmol/L", analyte="calcium") == 2
    assert convert(2, "meq/L", "mg/dL", analyte="calcium") == Fraction("4.0078")
    assert convert(40, "IU/L", "U/L", analyte="alt") == 40
    assert float(convert(30, "mg/g{creat}", "mg/mmol{creat}", analyte="creatinine")) == pytest.approx(
        3.39, abs=0.01
    )


@pytest.mark.parametrize(
    ("source", "target", "analyte"),
    [
        ("mg/dL", "umol/L", "unheard of"), ("mg/dL", "umol", "creatinine"), ("meq/L", "mmol/L", "creatinine"),
        ("meq/L", "mg/dL", "glucose"), ("IU/L", "U/L", "creatinine"), ("mg/dL", "U/L", "alt"),
        ("mg", "[iU]", "insulin"),
    ],
)  # fmt: skip
def test_an_analyte_bridges_only_what_is_known_of_it(source: str, target: str, analyte: str) -> None:
    with pytest.raises(DimensionError):
        convert(1, source, target, analyte=analyte)


@given(st.sampled_from(sorted(MOLAR_MASS)), st.decimals("0.001", "1000", places=3))
def test_conversion_by_analyte_goes_there_and_back(analyte: str, value: Decimal) -> None:
    there = convert(value, "mg/dL", "mmol/L", analyte=analyte)
    assert convert(there, "mmol/L", "mg/dL", analyte=analyte) == Fraction(value)
    if analyte in VALENCE:
        by_charge = convert(
            convert(value, "mg/dL", "meq/L", analyte=analyte), "meq/L", "mmol/L", analyte=analyte
        )
        assert by_charge == there


SYMBOLS = sorted(
    {symbol for symbol, atom in ATOMS.items() if not atom.offset}
    | {prefix + symbol for prefix, symbol in product(PREFIXES, ["m", "g", "s", "L", "mol", "Pa", "U"])}
    - {"MG", "Mg", "ML", "Mmol", "Gm", "cd", "PL"}
)
TERMS = st.recursive(
    st.sampled_from(SYMBOLS).map(str)
    | st.builds("{}{}".format, st.sampled_from(["m", "s", "cm"]), st.sampled_from(["2", "-1", "3"]))
    | st.sampled_from(["10*3", "24", "{tablet}", "{x y}", "10*-2{cells}"]),
    lambda inner: (
        st.builds("{}.{}".format, inner, inner)
        | st.builds("{}/{}".format, inner, inner)
        | st.builds("({})".format, inner)
    ),
    max_leaves=5,
).filter(lambda text: len(text) <= 90)


@given(TERMS)
def test_the_canonical_spelling_reads_back_as_the_same_unit(text: str) -> None:
    unit = parse_unit(text)
    assert parse_unit(unit.text) == unit
    assert normal_unit(unit.dimension).dimension == unit.dimension


@pytest.mark.parametrize("power", [1, 2, 8, 9, 10, 11, 18, 19])
def test_powers_past_nine_are_written_as_a_product(power: int) -> None:
    dimension = (("m", power), ("s", -power))
    assert normal_unit(dimension).dimension == dimension


@given(TERMS, TERMS)
def test_division_is_the_inverse_of_multiplication(first: str, second: str) -> None:
    if len(first) + len(second) > 45:
        return
    whole = parse_unit(f"({first}).({second})/({second})")
    assert (whole.factor, whole.dimension) == (parse_unit(first).factor, parse_unit(first).dimension)


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    for read in (parse_unit, parse_quantity):
        with suppress(UnitError):
            read(text)


def test_listed_spellings_all_read() -> None:
    for spelling in (*EXACT, *WORDS, *WHOLE):
        parse_unit(spelling)
    for word in WORDS:
        assert parse_unit(word.upper()) == parse_unit(word) or word in ("lm", "s")


def test_everyday_spellings_only_shadow_ucum_where_said() -> None:
    shadowed = {
        spelling
        for spelling in EXACT
        for prefix in ("", *PREFIXES)
        if spelling.startswith(prefix)
        and (atom := ATOMS.get(spelling.removeprefix(prefix)))
        and (atom.metric or not prefix)
    }
    assert shadowed == {"Gm", "ML", "pH"}


def _codes(path: Path, column: int, skip: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    return [row[column] for row in rows if not row[0].startswith(("#", skip))]


def test_the_extract_of_example_codes_reads(root: Path) -> None:
    codes = _codes(root / "tests/data/ucum_extract.tsv", 0, "code")
    assert len(codes) >= 50
    for code in codes:
        assert parse_unit(code).text == code.replace("[IU]", "[iU]")


def test_all_848_example_codes_read(shared_dir: Path) -> None:
    codes = _codes(shared_dir / "data/terminology/ucum-examples/ucum_examples.tsv", 1, "Row")
    assert len(codes) == 848
    for code in codes:
        parse_unit(code)


# What caveat keeps apart on purpose, or reads in its everyday sense, and so cannot be compared.
APART = (
    "U",
    "eq",
    "osm",
    "mol",
    "kat",
    "[",
    "{",
    "deg",
    "Gy",
    "Sv",
    "Bq",
    "dB",
    "Torr",
    "H",
    "F",
    "lm",
    "eV",
    "T",
)


def test_sizes_agree_with_another_reader_of_ucum(root: Path) -> None:
    ucumvert = pytest.importorskip(
        "ucumvert", reason="the second reader of UCUM; pip install ucumvert runs this"
    )
    registry = ucumvert.PintUcumRegistry()
    compared = 0
    for code in _codes(root / "tests/data/ucum_extract.tsv", 0, "code"):
        unit = parse_unit(code)
        if any(mark in code for mark in APART) or unit.offset:
            continue
        theirs = registry.from_ucum(code).to_base_units().magnitude
        mass = dict(unit.dimension).get("g", 0)
        assert float(unit.factor) / 1000**mass == pytest.approx(float(theirs), rel=1e-9), code
        compared += 1
    assert compared >= 15
