"""Value sets within wider ones, texts that leave a set open, and labels that would hide a condition."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from authoring.small import CONCEPTS
from caveat.terminology.codes import Code
from caveat.terminology.concepts import ConditionMatch, Terminology
from caveat.terminology.load import from_json, load_terminology, to_json
from caveat.terminology.problems import TerminologyError
from caveat.terminology.text import key

LUNGS = """\
- {id: wheeze, title: Wheeze, kind: sign, icd10cm: [R06.2], words: [wheezing]}
- id: lung
  title: Lung disease
  kind: disease
  icd10cm: [J98]
  except: [J98.0]
  words: [lung]
- {id: copd, title: COPD, kind: disease, within: [lung], icd10cm: [J44.1], labels: [coad]}
- {id: severe, title: Severe COPD, kind: disease, within: [copd], icd10cm: [J44.19], words: [gold 4]}
- {id: block, title: Complete block, kind: disease, icd10cm: [I44.2], may_be: [heart block], words: [block]}
- {id: conduction, title: Conduction disorder, kind: disease, icd10cm: [I44], labels: [heart block]}
"""
CODES = (
    "value_set\tcode\tdisplay\tmember\tsource\n"
    "severe\t1111111\tSevere COPD (disorder)\tyes\ttest\n"
    "lung\t2222222\tCOPD pass (finding)\tno\ttest\n"
    "wheeze\t3333333\tWheeze of the lung (finding)\tyes\ttest\n"
    "copd\t3333333\tWheeze of the lung (finding)\tmay\ttest\n"
)


def folder(root: Path, sets: str = LUNGS, codes: str = CODES) -> Path:
    for name, text in (CONCEPTS | {"value_sets.yaml": sets, "value_set_codes.tsv": codes}).items():
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def small(tmp_path: Path) -> Terminology:
    return load_terminology(folder(tmp_path))


def matched(small: Terminology, *, icd: str = "", snomed: str = "", text: str = "") -> ConditionMatch:
    code = Code("icd10cm", icd) if icd else Code("snomed", snomed) if snomed else None
    return small.condition_sets(code, text)


def sets(*names: str) -> frozenset[str]:
    return frozenset(names)


def test_every_code_label_and_word_counts_in_the_wider_sets(small: Terminology) -> None:
    everything = sets("severe", "copd", "lung")
    assert matched(small, icd="J44.19") == ConditionMatch(everything, sets(), True)
    assert matched(small, icd="J44.10") == ConditionMatch(sets("copd", "lung"), sets(), True)
    assert matched(small, snomed="1111111") == ConditionMatch(everything, sets(), True)
    assert matched(small, text="severe COPD") == ConditionMatch(everything, sets(), True)
    assert matched(small, text="COAD") == ConditionMatch(sets("copd", "lung"), sets(), True)
    assert matched(small, text="GOLD 4, they say") == ConditionMatch(sets(), everything, False)


def test_a_category_above_a_narrow_root_is_possible_in_the_wider_set(small: Terminology) -> None:
    assert matched(small, icd="J44") == ConditionMatch(sets(), sets("severe", "copd", "lung"), True)
    assert matched(small, icd="J44.1") == ConditionMatch(sets("copd", "lung"), sets("severe"), True)


def test_what_the_wider_set_holds_is_not_in_the_narrow_one(small: Terminology) -> None:
    assert matched(small, icd="J98.4") == ConditionMatch(sets("lung"), sets(), True)
    assert matched(small, icd="J98.0") == ConditionMatch(sets(), sets(), True)
    assert matched(small, text="lung disease").sets == sets("lung")


def test_a_code_reviewed_and_not_in_the_wider_set_stays_out_of_it(small: Terminology) -> None:
    found = small.condition_sets(Code("snomed", "2222222", "COPD (finding)"))
    assert "lung" not in found.sets | found.possible
    assert "copd" in found.sets


def test_a_text_may_be_left_open_though_it_is_a_label_of_another_set(small: Terminology) -> None:
    assert matched(small, text="Heart block") == ConditionMatch(sets("conduction"), sets("block"), True)
    assert matched(small, text="conduction disorder") == ConditionMatch(sets("conduction"), sets(), True)


def test_a_member_of_one_set_may_be_in_another(small: Terminology) -> None:
    assert matched(small, snomed="3333333") == ConditionMatch(sets("wheeze"), sets("copd", "lung"), True)
    assert small.value_set("copd").may_be_snomed == ("3333333",)


def test_a_code_that_is_neither_a_member_nor_none_nor_open_is_refused(tmp_path: Path) -> None:
    codes = CODES + "copd\t4444444\tCOPD\tYes\ttest\n"
    with pytest.raises(TerminologyError) as error:
        load_terminology(folder(tmp_path, codes=codes))
    assert str(error.value) == "value_set_codes.tsv:6: member is 'Yes'; yes, no and may are known"


def test_the_cached_form_keeps_what_lies_within(small: Terminology) -> None:
    assert small.tables.within == {"copd": ["lung"], "severe": ["copd", "lung"]}
    assert from_json(to_json(small)).tables == small.tables
    assert small.value_set("severe").within == ("copd",)
    older = json.loads(to_json(small)) | {"format": "terminology 3"}
    with pytest.raises(TerminologyError, match="Delete the cached file"):
        from_json(json.dumps(older).encode())


def test_the_digest_follows_what_lies_within(small: Terminology, tmp_path: Path) -> None:
    apart = LUNGS.replace(" within: [copd],", "")
    assert load_terminology(folder(tmp_path, apart)).digest != small.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "within: [lung]",
            "within: [lungs]",
            "value_sets.yaml:8: copd lies within lungs, which is not defined. "
            "Define it, or mend the id under within",
        ),
        (
            "within: [lung]",
            "within: [lung, severe]",
            "value_sets.yaml:9: copd lies within severe lies within copd: a circle. Take out the within of "
            "the wider one; sets that hold the same are one set",
        ),
        (
            "within: [copd]",
            "within: [severe]",
            "value_sets.yaml:9: severe lies within severe: a circle. Take out the within of the wider one; "
            "sets that hold the same are one set",
        ),
        (
            "within: [lung]",
            "within: lung",
            "copd: within is a text where a list is needed. Write within: [lung]",
        ),
        (
            "within: [lung]",
            "withn: [lung]",
            "value_sets.yaml: copd has the field withn, which is none. The fields are id, title, kind, "
            "within, icd10cm, except, labels, may_be, words",
        ),
        (
            "icd10cm: [J44.1]",
            "icd10cm: [J98.01]",
            "value_sets.yaml:8: J98.0 is in copd, which lies within lung, and lung takes it out under "
            "except. Put it under except of copd too, or take out the within",
        ),
    ],
)
def test_what_cannot_hold_is_refused_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(TerminologyError) as error:
        load_terminology(folder(tmp_path, LUNGS.replace(old, new)))
    assert str(error.value) == message


def test_a_member_that_the_wider_set_was_reviewed_not_to_hold_is_refused(tmp_path: Path) -> None:
    codes = CODES + "lung\t1111111\tSevere COPD (disorder)\tno\ttest\n"
    with pytest.raises(TerminologyError) as error:
        load_terminology(folder(tmp_path, codes=codes))
    assert str(error.value) == (
        "value_sets.yaml:9: SNOMED CT code 1111111 is in severe, which lies within lung, and "
        "value_set_codes.tsv says that it is not in lung. Mend one of the two rows, or take out the within"
    )


def hidden(terminology: Terminology) -> set[tuple[str, str]]:
    """Of every label the sets that its words speak of and that it is not, and may not be, in."""
    found: set[tuple[str, str]] = set()
    tables = terminology.tables
    for i in tables.value_sets:
        v = terminology.value_set(i)
        for label in map(key, (v.title, *v.labels)):
            match = terminology.condition_sets(None, label)
            spoken = terminology.condition_sets(None, f"{label} zzz").possible
            found |= {
                (label, s)
                for s in spoken - match.sets - match.possible
                if tables.value_sets[s]["about"][1] != "other"
            }
    return found


def reviewed(concepts: Path) -> list[tuple[str, str]]:
    lines = (concepts / "review" / "apart.tsv").read_text("utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    assert all(len(row) == 3 and all(row) for row in cells)
    return [(label, value_set) for label, value_set, _ in cells]


def test_no_label_hides_a_condition_from_a_set_that_its_words_speak_of(
    terminology: Terminology, concepts_dir: Path
) -> None:
    """A label that speaks of another set: put it there too, by within or may_be, or review it."""
    apart = reviewed(concepts_dir)
    assert len(set(apart)) == len(apart)
    found = hidden(terminology)
    assert found - set(apart) == set(), "labels that a set would be silent on"
    assert set(apart) - found == set(), "rows of review/apart.tsv that say nothing any more"


def test_a_label_in_a_narrow_set_alone_would_be_found(concepts_dir: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(concepts_dir, tmp_path / "concepts")
    file = copied / "value_sets.yaml"
    text = file.read_text("utf-8")
    mended = text.replace("labels: [epilepsy, ", "labels: [epilepsy, epilepsy with dementia, ", 1)
    assert mended != text
    file.write_text(mended, encoding="utf-8")
    found = hidden(load_terminology(copied))
    assert found - set(reviewed(copied)) == {("epilepsy with dementia", "dementia")}


def test_every_text_that_may_be_in_a_set_is_no_label_of_it(terminology: Terminology) -> None:
    for i in terminology.tables.value_sets:
        for text in terminology.value_set(i).may_be:
            found = terminology.condition_sets(None, text)
            assert i in found.possible, (i, text)
            assert found.sets, (i, text)


def test_no_member_hides_a_condition_from_a_set_that_its_display_speaks_of(
    terminology: Terminology, concepts_dir: Path
) -> None:
    """A SNOMED CT code is a member, reviewed and out, or open, in every set that its words speak of."""
    lines = (concepts_dir / "value_set_codes.tsv").read_text("utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    known = {(value_set, code) for value_set, code, *_ in cells}
    silent = set()
    for _, code, display, member, _ in cells:
        if member == "yes":
            match = terminology.condition_sets(Code("snomed", code, display))
            name = display.rpartition(" (")[0] if display.endswith(")") else display
            for value_set in terminology._possible((name,)) - match.sets - match.possible:
                if (value_set, code) not in known and value_set != "other-frequent-condition":
                    silent.add((value_set, code, display))
    assert silent == set()


@pytest.mark.parametrize(
    ("code", "value_set"),
    [
        ("307534009", "pregnancy"),
        ("237627000", "pregnancy"),
        ("443502000", "ischaemic-heart-disease"),
        ("185086009", "copd"),
        ("76571007", "cardiovascular-collapse"),
        ("230706003", "arterial-disease"),
    ],
)
def test_a_code_is_in_each_set_that_it_names(terminology: Terminology, code: str, value_set: str) -> None:
    assert value_set in terminology.condition_sets(Code("snomed", code)).sets


@pytest.mark.parametrize(
    ("text", "wider"),
    [
        ("severe COPD", "respiratory-disease"),
        ("acute asthma", "respiratory-disease"),
        ("breast cancer", "breast-cancer"),
        ("carcinoma of breast", "cancer"),
        ("bipolar I disorder", "psychiatric-disorder"),
        ("bipolar disorder", "bipolar-disorder"),
        ("cerebral haemorrhage", "stroke"),
        ("heart failure with reduced ejection fraction", "heart-failure-reduced-ejection-fraction"),
        ("chronic heart failure with reduced ejection fraction", "heart-failure"),
        ("aortic stenosis", "aortic-stenosis"),
        ("osteoporosis", "osteoporosis"),
        ("late onset Alzheimer's disease", "dementia"),
        ("antipsychotic induced parkinsonism", "parkinsonism"),
        ("ST elevation myocardial infarction", "ischaemic-heart-disease"),
        ("NSTEMI", "arterial-disease"),
        ("complete AV block", "cardiac-conduction-disorder"),
        ("end stage kidney disease", "chronic-kidney-disease"),
        ("septic shock", "cardiovascular-collapse"),
    ],
)
def test_a_narrow_label_is_in_the_wider_set(terminology: Terminology, text: str, wider: str) -> None:
    assert wider in terminology.condition_sets(None, text).sets


@pytest.mark.parametrize(
    ("text", "value_set"),
    [
        ("acute renal failure", "chronic-kidney-disease"),
        ("CKD stage 3", "severe-renal-impairment"),
        ("alcohol use", "alcohol-use-disorder"),
        ("pulmonary embolism", "respiratory-disease"),
        ("first degree AV block", "heart-block"),
        ("old myocardial infarction", "acute-myocardial-infarction"),
    ],
)
def test_what_is_rightly_apart_stays_apart(terminology: Terminology, text: str, value_set: str) -> None:
    found = terminology.condition_sets(None, text)
    assert value_set not in found.sets | found.possible


@pytest.mark.parametrize("text", ["heart block", "AV block"])
def test_a_block_of_unknown_degree_leaves_heart_block_open(terminology: Terminology, text: str) -> None:
    found = terminology.condition_sets(None, text)
    assert "heart-block" in found.possible
    assert "cardiac-conduction-disorder" in found.sets
