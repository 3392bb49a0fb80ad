"""The ONC high-priority list: every pair of classes stands, and what has no rule says so."""

from __future__ import annotations

from functools import cache

from caveat.authoring.selftest import MustFire, Placed, Proof, failed, prove, read_items
from caveat.compile.ruleset import Ruleset, bundled, load

AS_OF = "2026-01-15"


@cache
def rules() -> Ruleset:
    return load()


@cache
def proofs() -> tuple[Proof, ...]:
    return prove(rules(), [p for p in read_items(bundled()) if p.item.id.startswith("onc.")])


def test_all_fifteen_pairs_stand() -> None:
    assert {proof.item.split(".")[1] for proof in proofs()} == {f"{n:02}" for n in range(1, 16)}


def test_each_fires_or_says_that_no_rule_is_written() -> None:
    assert not failed(proofs()), [(p.item, p.failures[:3]) for p in failed(proofs())]
    assert all(proof.ok or proof.waits for proof in proofs())


def test_what_fires_says_nothing_of_a_missing_rule() -> None:
    assert not [proof.item for proof in proofs() if proof.ok and proof.no_rule]


def judged(other: str, *, every: bool = True, **more: str) -> Proof:
    item = MustFire.model_validate(
        {
            "id": "one",
            "tier": "interruptive",
            "pair": {"order": {"ingredient": "baclofen"}, "with": {"ingredient": other}},
            **more,
        }
    )
    return prove(load(), [Placed(item, {}, AS_OF, "here:1")], every=every)[0]


def test_without_a_rule_it_waits() -> None:
    proof = judged("biotin", no_rule="Nobody wrote one.")
    assert (proof.waits, proof.ok, proof.no_rule) == (True, False, "Nobody wrote one.")
    assert not failed([proof])


def test_without_the_mark_it_fails() -> None:
    assert failed([judged("biotin")])


def test_a_mark_that_is_no_longer_true_fails() -> None:
    proof = judged("morphine", no_rule="Nobody wrote one.")
    assert not proof.waits
    assert failed([proof])
    assert [f.why for f in proof.failures] == ["every record alerts as it must: take no_rule out"]


def test_a_quick_look_does_not_judge_the_mark() -> None:
    assert not failed([judged("morphine", every=False, no_rule="Nobody wrote one.")])


def test_a_mark_does_not_excuse_an_item_that_cannot_be_run() -> None:
    assert failed([judged("morphin", no_rule="Nobody wrote one.")])
