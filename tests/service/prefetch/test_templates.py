"""Prefetch templates: what CDS Hooks allows, derived from the rules, and no fact without a key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

import caveat
from caveat.adapters.fhir.prefetch import read_prefetch
from caveat.compile import nodes
from caveat.compile.ruleset import Ruleset
from caveat.facts.catalog import CHOICES, ORDER_NUMBERS, knowable, number_names
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.intervals import Interval
from caveat.service.prefetch.needs import check, needs, of_leaf
from caveat.service.prefetch.templates import REQUIRED, carries, templates, uncarried

ME = r"\{\{context\.patientId\}\}"
TOKEN = r"[A-Za-z0-9\-._:/|]+"
READ = re.compile(rf"Patient/{ME}")
PARAMETERS = {
    "patient": re.compile(ME),
    "code": re.compile(rf"{TOKEN}(,{TOKEN})*"),
    "category": re.compile(TOKEN),
    "status": re.compile(r"[a-z-]+(,[a-z-]+)*"),
    "_sort": re.compile(r"-date"),
    "_count": re.compile(r"[1-9][0-9]*"),
}
ANY = Interval(None, None)


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return caveat.load()


def of(rules: Ruleset, *when: nodes.Node, subject: Any = "order", digest: str = "") -> Ruleset:
    """A ruleset of one rule with these conditions."""
    rule = replace(rules.program.rules[0], subject=subject, when=nodes.All(when), unless=())
    program = replace(rules.program, rules=(rule,), digest=digest or repr((when, subject)))
    return replace(rules, program=program)


def measured(fact: str, **fields: Any) -> nodes.NumberLeaf:
    return nodes.NumberLeaf(fact, ANY, "1", "any", **fields)


def test_no_rule_of_the_bundled_rulesets_needs_a_fact_without_a_key(rules: Ruleset) -> None:
    assert uncarried(rules) == frozenset()
    for name, facts in carries(rules).items():
        assert name in templates(rules)
        assert facts, f"{name} is asked for and carries nothing"


def test_a_rule_with_a_fact_that_no_key_carries_is_found(rules: Ruleset) -> None:
    assert uncarried(of(rules, measured("shoe_size"))) == {"shoe_size"}
    assert uncarried(of(rules, nodes.ChoiceLeaf("context.left_handed", ("true",)))) == {"context.left_handed"}


def test_a_new_kind_of_leaf_must_say_what_it_needs(rules: Ruleset) -> None:
    class NewLeaf:
        pass

    with pytest.raises(TypeError, match="NewLeaf"):
        list(of_leaf(NewLeaf(), rules.terminology))  # type: ignore[arg-type]
    assert check() == frozenset(), "a number of the catalogue is not in needs.MADE_OF"


def test_every_kind_of_leaf_is_known(rules: Ruleset) -> None:
    made = {
        nodes.Always: nodes.Always(),
        nodes.NumberLeaf: measured("potassium"),
        nodes.OrderNumberLeaf: nodes.OrderNumberLeaf(0, "dose", ANY, "mg", "any"),
        nodes.OrderIsLeaf: nodes.OrderIsLeaf(0, "route", ("oral",)),
        nodes.DoseMultipleLeaf: nodes.DoseMultipleLeaf(0, ANY, "mg", "any"),
        nodes.IndicationLeaf: nodes.IndicationLeaf(0, ("epilepsy",)),
        nodes.ConditionLeaf: nodes.ConditionLeaf(("epilepsy",), "active"),
        nodes.AllergyLeaf: nodes.AllergyLeaf("type", ("allergy",)),
        nodes.CountLeaf: nodes.CountLeaf(("baclofen",), "x", "order", ANY, "any"),
        nodes.SumLeaf: nodes.SumLeaf((("baclofen", ANY),), "x", "daily_dose", ANY, "mg", "any"),
        nodes.ExposureLeaf: nodes.ExposureLeaf(("baclofen",), "x", 30, ANY, "d", "any"),
        nodes.KnownLeaf: nodes.KnownLeaf("albumin"),
        nodes.ChoiceLeaf: nodes.ChoiceLeaf("sex", ("male",)),
    }
    assert set(made) == set(nodes.LEAVES)
    for leaf in made.values():
        list(of_leaf(leaf, rules.terminology))


def test_what_is_asked_of_each_counted_order_is_asked_for(rules: Ruleset) -> None:
    by_weight = nodes.OrderNumberLeaf(0, "dose_per_weight", ANY, "mg/kg", "any")
    plain = nodes.CountLeaf(("baclofen",), "x", "order", ANY, "any")
    asked = set(of_leaf(replace(plain, where=by_weight), rules.terminology))
    assert asked > set(of_leaf(plain, rules.terminology))
    assert "observation:weight" in asked
    exposure = nodes.ExposureLeaf(("baclofen",), "x", 30, ANY, "d", "any", False, by_weight)
    assert {"orders.current", "orders.ended", "observation:weight"} <= set(
        of_leaf(exposure, rules.terminology)
    )


def test_the_presence_of_any_observation_can_be_asked(rules: Ruleset) -> None:
    found = templates(of(rules, nodes.KnownLeaf("observations")))
    assert found["observations"] == "Observation?patient={{context.patientId}}&_sort=-date&_count=20"


def test_every_fact_that_a_rule_may_ask_for_has_a_key(rules: Ruleset) -> None:
    """Not only those that the bundled rules ask for today."""
    vocabulary = rules.terminology
    leaves: list[nodes.Node] = [measured(name) for name in number_names(vocabulary)]
    leaves += [nodes.NumberLeaf(name, ANY, "1", "", "highest") for name in vocabulary.tables.observations]
    leaves += [nodes.KnownLeaf(name) for name in knowable(vocabulary)]
    leaves += [nodes.ChoiceLeaf(name, values) for name, values in CHOICES.items()]
    leaves += [nodes.OrderNumberLeaf(0, name, ANY, "1", "") for name in ORDER_NUMBERS]
    for leaf in leaves:
        assert uncarried(of(rules, leaf)) <= _uncoded(rules), leaf


def test_the_length_of_a_pregnancy_is_asked_for_in_each_way_it_is_recorded(rules: Ruleset) -> None:
    found = templates(of(rules, measured("gestation")))
    assert all(code in found["measurements"] for code in ("18185-9", "49051-6", "11778-8", "8665-2"))
    assert "conditions" in found  # Z3A.nn


def _uncoded(rules: Ruleset) -> set[str]:
    """Concepts without a code: those that are asked for by their category."""
    found = [
        name
        for name in rules.terminology.tables.observations
        if not rules.terminology.observation(name).loinc
    ]
    assert found == ["child_pugh_score"]
    return {f"history:{name}" for name in found}


class Watched(dict[str, Any]):
    """No observation at all, and a memory of which were looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(f"observation:{key}")
        return default


PEOPLE = [
    Patient(id="1"),
    Patient(id="2", age="70 a", sex="female"),
    Patient(id="3", age="9 a", sex="male"),
    Patient(id="4", age="3 mo", weight="6 kg"),
]


def test_what_a_derived_number_looks_for_is_what_it_is_said_to_need(rules: Ruleset) -> None:
    looked_for_anything = False
    for name in number_names(rules.terminology):
        for using in ("actual", "ideal", "adjusted"):
            said = set(of_leaf(measured(name, using=using), rules.terminology))
            for person in PEOPLE:
                watched = Watched()
                chart = Chart(person, rules.terminology, as_of=738000)
                chart.memo["observed"] = watched
                number(chart, name, "a" if name == "age" else "1", using=using)
                assert {one for one in watched.asked if "child_pugh_score" not in one} <= said, (name, using)
                looked_for_anything = looked_for_anything or bool(watched.asked)
    assert looked_for_anything


def _valid(template: str) -> bool:
    if READ.fullmatch(template):
        return True
    kind, _, rest = template.partition("?")
    parameters = [one.partition("=") for one in rest.split("&")]
    names = [name for name, _, _ in parameters]
    return (
        re.fullmatch("[A-Z][A-Za-z]+", kind) is not None
        and names[0] == "patient"
        and len(names) == len(set(names))
        and all(name in PARAMETERS and PARAMETERS[name].fullmatch(value) for name, _, value in parameters)
    )


def everything(rules: Ruleset) -> Ruleset:
    """A ruleset that needs all there is."""
    leaves: Iterable[nodes.Node] = [
        *(nodes.KnownLeaf(name) for name in knowable(rules.terminology)),
        *(nodes.NumberLeaf(name, ANY, "1", "", "lowest") for name in rules.terminology.tables.observations),
        nodes.AllergyLeaf("type", ("allergy",)),
    ]
    return of(rules, *leaves, digest="everything")


def test_templates_use_only_what_cds_hooks_allows(rules: Ruleset) -> None:
    for chosen in (rules, everything(rules), of(rules, nodes.Always())):
        found = templates(chosen)
        assert all(isinstance(value, str) and _valid(value) for value in found.values()), found
        assert set(REQUIRED) <= set(found)
        assert all(re.fullmatch("[a-z]+", key) for key in found)
    assert not _valid("Observation?patient={{context.patientId}}&_include=x")
    assert not _valid("Observation?patient={{context.draftOrders}}")
    assert not _valid("Observation?patient={{context.patientId}}&date=gt{{today()}}")
    assert not _valid("Patient/{{context.userId}}")


def test_templates_are_the_same_each_time_and_made_once(rules: Ruleset) -> None:
    assert templates(rules) is templates(rules)
    assert dict(templates(of(rules, nodes.Always()))) != dict(templates(rules))


def test_only_what_the_rules_need_is_asked_for(rules: Ruleset) -> None:
    assert set(templates(of(rules, nodes.Always()))) == {"patient", "medications", "statements"}
    assert "allergies" in templates(of(rules, nodes.Always(), subject="allergy"))
    assert "encounters" in templates(of(rules, nodes.ChoiceLeaf("context.care_setting", ("home",))))
    found = templates(of(rules, measured("potassium")))
    assert "2823-3" in found["labs"]
    assert "2160-0" not in found["labs"]


def test_ended_orders_are_asked_for_where_a_rule_looks_back(rules: Ruleset) -> None:
    assert "status=active,on-hold,draft,unknown" in templates(of(rules, nodes.Always()))["medications"]
    tapered = nodes.OrderIsLeaf(0, "tapered", ("true",))
    for chosen in (
        of(rules, nodes.Always(), subject="stopped"),
        of(rules, tapered),
        of(rules, nodes.OrderNumberLeaf(0, "treatment_time", ANY, "d", "")),
        of(rules, nodes.KnownLeaf("order.since_stop")),
        rules,
    ):
        assert "status=" not in templates(chosen)["medications"]
        assert "status=" not in templates(chosen)["statements"]


def test_a_rule_that_takes_an_extreme_gets_every_value_and_not_the_newest(rules: Ruleset) -> None:
    found = templates(of(rules, measured("potassium", pick="highest", within=30)))
    assert "_sort" not in found["history"]
    assert "2823-3" in found["history"]
    assert "history" not in templates(of(rules, measured("potassium")))


@pytest.mark.parametrize("prop", ["dose_per_weight", "daily_dose_per_weight"])
def test_a_dose_by_weight_needs_the_weight(rules: Ruleset, prop: str) -> None:
    for leaf in (nodes.OrderNumberLeaf(0, prop, ANY, "mg/kg", ""), nodes.KnownLeaf(f"order.{prop}")):
        assert "29463-7" in templates(of(rules, leaf))["vitals"]


def test_a_blood_pressure_is_asked_for_by_the_code_of_the_whole(rules: Ruleset) -> None:
    assert "85354-9" in templates(of(rules, measured("systolic_blood_pressure")))["vitals"]


def observation(code: str, **value: Any) -> bytes:
    import json

    system, _, bare = code.rpartition("|")
    one = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": system, "code": bare}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-01",
        **value,
    }
    return json.dumps({"resourceType": "Bundle", "entry": [{"resource": one}]}).encode()


def test_what_a_key_asks_for_is_read_as_the_fact_it_carries(rules: Ruleset) -> None:
    """Each code of each template, answered: the record then states the fact."""
    everything_ = everything(rules)
    asked, carried = templates(everything_), carries(everything_)
    vocabulary = everything_.terminology
    seen: set[str] = set()
    for key in ("labs", "vitals", "measurements", "social", "history", "circumstances"):
        for code in re.findall(r"&code=([^&]*)", asked[key])[0].split(","):
            answer: dict[str, Any] = {"valueQuantity": {"value": 1, "unit": "mg/dL"}}
            if key == "circumstances":
                answer = {"valueCodeableConcept": {"text": "home" if "care_setting" in code else "yes"}}
            found = read_prefetch(
                {key: observation(code, **answer)},
                None,
                "p1",
                bound=lambda one: vocabulary.observation_for(one) is not None,
                lists=asked,
            ).patient
            for one in found.observations or ():
                concept = vocabulary.observation_for(one.codes[0])
                prefix = "history:" if key == "history" else "observation:"
                assert f"{prefix}{concept}" in carried[key] or key == "circumstances"
                seen.add(f"{prefix}{concept}")
            said = {name: getattr(found.context, name) for name in type(found.context).model_fields}
            seen |= {f"context.{name}" for name, value in said.items() if value is not None}
            seen |= {name for name in ("pregnant", "lactating") if getattr(found, name) is not None}
    panels = {"observation:systolic_blood_pressure", "observation:diastolic_blood_pressure"}
    for key in ("labs", "vitals", "measurements", "social", "history", "circumstances"):
        assert carried[key] - panels - {"observations"} <= seen, (key, carried[key] - seen)


def test_a_child_pugh_class_is_read_from_the_scores(rules: Ruleset) -> None:
    import json

    one = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "urn:site", "code": "cp", "display": "Child-Pugh class"}]},
        "valueString": "Class B",
        "effectiveDateTime": "2026-01-01",
    }
    raw = json.dumps({"resourceType": "Bundle", "entry": [{"resource": one}]}).encode()
    found = read_prefetch({"scores": raw}, None, "p1", bound=lambda _: False, lists=templates(rules))
    assert found.patient.child_pugh == "B"
    assert "child_pugh" in needs(rules)
