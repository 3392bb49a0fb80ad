"""The benchmarks compare like with like: every engine gives the same hits, and small runs work."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import results, run, same_rules
from benchmarks.measure import Timing, block_by_block, item_by_item, quantile, ratio
from benchmarks.neutral import (
    AS_OF,
    FACTS,
    NeutralPatient,
    PairRule,
    ThresholdRule,
    as_patient,
    load_rules,
    make_patients,
    make_rules,
    rule_text,
)
from benchmarks.peers import PEERS, Loop, Peer, missing
from benchmarks.population import general, on_baclofen
from benchmarks.results import Aim, Section
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.screen import screen
from caveat.facts.patient import Patient

NAMES = 12
RULES = (
    PairRule("t.pair.one", "warfarin", "ibuprofen"),
    ThresholdRule("t.low.weight", "warfarin", "weight", "below", 50),
    ThresholdRule("t.high.age", "ibuprofen", "age", "above", 75),
)
# ingredients, numbers, hits: both sides of each limit, the limit itself, a missing number, one of a pair
STORIES: tuple[tuple[tuple[str, ...], dict[str, float], set[str]], ...] = (
    (("warfarin", "ibuprofen"), {"age": 70, "weight": 60}, {"t.pair.one"}),
    (("warfarin",), {"age": 70, "weight": 49.9}, {"t.low.weight"}),
    (("warfarin",), {"age": 70, "weight": 50}, set()),
    (("warfarin",), {"age": 70}, set()),
    (("ibuprofen",), {"age": 76, "weight": 40}, {"t.high.age"}),
    (("ibuprofen",), {"age": 75}, set()),
    (("metformin",), {"age": 80, "weight": 40}, set()),
    (
        ("ibuprofen", "warfarin"),
        {"age": 80, "weight": 40},
        {"t.pair.one", "t.low.weight", "t.high.age"},
    ),
)


def need(kind: type[Peer]) -> None:
    """Skip where the peer is not installed."""
    why = missing(kind)
    if why is not None:
        pytest.skip(f"{why}; `make bench` installs the peers")


def story_patient(index: int) -> NeutralPatient:
    taken, numbers, _ = STORIES[index]
    return NeutralPatient(f"s{index}", taken, tuple((k, float(v)) for k, v in numbers.items()))


@pytest.fixture(scope="module")
def names() -> list[str]:
    return random.Random(5).sample(same_rules.vocabulary(load().terminology), NAMES)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return load_rules(RULES, tmp_path_factory.mktemp("stories"))


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: str(kind.name))
def test_peer_gives_the_hits_of_each_story(kind: type[Peer]) -> None:
    need(kind)
    peer = kind(RULES)
    for index, (_, _, expected) in enumerate(STORIES):
        assert set(peer.hits(peer.prepare(story_patient(index)))) == expected, STORIES[index]


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: str(kind.name))
def test_peer_keeps_nothing_from_one_patient_to_the_next(kind: type[Peer]) -> None:
    need(kind)
    peer = kind(RULES)
    prepared = [peer.prepare(story_patient(index)) for index in range(len(STORIES))]
    first = [sorted(peer.hits(item)) for item in prepared]
    again = [sorted(peer.hits(item)) for item in reversed(prepared)][::-1]
    assert first == again


@pytest.mark.parametrize("evaluator", ["inprocess", "reference"])
def test_caveat_gives_the_hits_of_each_story(stories: Ruleset, evaluator: str) -> None:
    for index, (_, _, expected) in enumerate(STORIES):
        report = screen(as_patient(story_patient(index)), stories, as_of=AS_OF, evaluator=evaluator)
        assert same_rules.hits_of(report) == expected, STORIES[index]
        assert not report.unrecognised
        assert not report.errors


def test_caveat_alone_says_that_a_number_is_missing(stories: Ruleset) -> None:
    report = screen(as_patient(story_patient(3)), stories, as_of=AS_OF)
    assert [finding.rule.id for finding in report.cannot_assess] == ["t.low.weight"]


@pytest.mark.parametrize("kind", PEERS, ids=lambda kind: str(kind.name))
def test_peers_agree_on_drawn_rules(kind: type[Peer], names: list[str]) -> None:
    need(kind)
    rules, patients = make_rules(80, names), make_patients(25, names)
    plain, peer = Loop(rules), kind(rules)
    expected = [set(plain.hits(plain.prepare(patient))) for patient in patients]
    assert [set(peer.hits(peer.prepare(patient))) for patient in patients] == expected
    assert sum(map(len, expected)) > 25


def test_caveat_and_peers_agree_on_drawn_rules(names: list[str], tmp_path: Path) -> None:
    rules, patients = make_rules(80, names), make_patients(25, names)
    hits = same_rules.check_same_hits(rules, patients, load_rules(rules, tmp_path))
    assert len(set(hits.values())) == 1
    assert {"caveat inprocess", "caveat reference", Loop.name} <= set(hits)


def test_a_wrong_peer_is_found(names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules, patients = make_rules(40, names), make_patients(25, names)
    ruleset = load_rules(rules, tmp_path)
    plain = Loop.hits
    monkeypatch.setattr(Loop, "hits", lambda self, prepared: plain(self, prepared)[1:])
    with pytest.raises(same_rules.Disagreement, match="differ for n"):
        same_rules.check_same_hits(rules, patients, ruleset)


def test_rules_are_different_and_begin_alike(names: list[str]) -> None:
    few, many = make_rules(20, names), make_rules(80, names)
    assert many[:20] == few
    assert len({rule[1:] for rule in many}) == 80
    assert {rule.fact for rule in many if isinstance(rule, ThresholdRule)} == set(FACTS)
    assert rule_text(few).count("- id: ") == 20


@pytest.mark.parametrize("make", [on_baclofen, general])
def test_populations_are_the_same_each_time(make: Callable[[int], list[Patient]]) -> None:
    assert make(30) == make(30)


def test_populations_hold_what_is_said_of_them() -> None:
    def takes(patient: Patient) -> bool:
        texts = [order.text or "" for order in patient.orders or ()]
        return any("baclofen" in text or "Lioresal" in text for text in texts)

    patients = on_baclofen(60)
    assert all(takes(patient) for patient in patients)
    assert {len(patient.orders or ()) for patient in patients} == {4, 5, 6, 7, 8}
    patients = general(60)
    assert sum(takes(patient) for patient in patients) == 3
    assert {len(patient.orders or ()) for patient in patients} == {6, 7, 8, 9, 10}


def test_medicines_of_the_populations_are_recognised() -> None:
    rules = load()
    for patient in [*on_baclofen(60), *general(60)]:
        report = screen(patient, rules, as_of=AS_OF)
        assert not [u.text for u in report.unrecognised if u.kind == "medication"]
        assert not report.errors


def test_timing_takes_the_median_of_the_rounds() -> None:
    slow = Timing(wall=[[4.0, 8.0], [6.0, 6.0], [90.0, 90.0]], cpu=[[2.0, 2.0], [3.0, 3.0], [9.0, 9.0]])
    fast = Timing(cpu=[[1.0], [1.0], [1.0]])
    assert slow.mean("wall") == 6
    assert slow.quantile(0.99, "wall", first=1) == 48
    assert ratio(slow, fast) == 3
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2
    assert quantile([1.0], 0.99) == 1


def test_each_candidate_sees_each_item_once_a_round() -> None:
    seen: dict[str, list[int]] = {"one": [], "two": []}
    items = list(range(250))
    ways = {name: found.append for name, found in seen.items()}
    timings = item_by_item(ways, items, 2)
    assert seen == {"one": items * 2, "two": items * 2}
    assert [len(times) for times in timings["one"].wall] == [250, 250]
    blocks = block_by_block({name: (way, items) for name, way in ways.items()}, 1)
    assert [len(times) for times in blocks["two"].cpu] == [3]
    assert len(seen["one"]) == 750


def test_results_say_met_or_not() -> None:
    section = Section(
        "Part", "About.", ["| a |"], [Aim("x", "1", True), Aim("y", "2", False), Aim("z", "-", None)]
    )
    text = results.document("- a machine", [section])
    assert "| x | 1 | met |" in text
    assert "| y | 2 | **not met** |" in text
    assert "| z | - | not measured |" in text


@pytest.mark.parametrize("name", ["record", "peers", "growth", "startup", "fhir"])
def test_small_run(name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAVEAT_CACHE", "")
    before = run.RESULTS.read_bytes() if run.RESULTS.exists() else None
    assert run.main(["--quick", "--only", name]) == 0
    assert "## Aims" in capsys.readouterr().out
    assert (run.RESULTS.read_bytes() if run.RESULTS.exists() else None) == before
