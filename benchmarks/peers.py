"""The peers, each used as well as we know how; all give the ids of the neutral rules that hold.

`prepare` puts a patient into the form that the peer takes, outside the time; `hits` is timed. Each
tells hits and nothing else: no reasons, no texts, and a number that is missing is silence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from benchmarks.neutral import FACTS, NeutralPatient, NeutralRule, PairRule, ThresholdRule


class Peer(Protocol):
    """One way to run neutral rules."""

    name: ClassVar[str]
    used: ClassVar[str]
    package: ClassVar[str | None]

    def __init__(self, rules: Sequence[NeutralRule]) -> None: ...

    def prepare(self, patient: NeutralPatient) -> Any: ...

    def hits(self, prepared: Any) -> list[str]: ...


_Facts = tuple[frozenset[str], dict[str, float]]


def _facts(patient: NeutralPatient) -> _Facts:
    return frozenset(patient.ingredients), dict(patient.numbers)


def _beyond(rule: ThresholdRule, numbers: dict[str, float]) -> bool:
    value = numbers.get(rule.fact)
    if value is None:
        return False
    return value < rule.limit if rule.side == "below" else value > rule.limit


class Loop:
    """Every rule in turn."""

    name: ClassVar[str] = "Python, loop over the rules"
    used: ClassVar[str] = (
        "one plain function that asks each rule in turn; a set of ingredients, a dict of numbers"
    )
    package: ClassVar[str | None] = None

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        self._rules = rules

    def prepare(self, patient: NeutralPatient) -> _Facts:
        return _facts(patient)

    def hits(self, prepared: _Facts) -> list[str]:
        taken, numbers = prepared
        found = []
        for rule in self._rules:
            if isinstance(rule, PairRule):
                if rule.first in taken and rule.second in taken:
                    found.append(rule.id)
            elif rule.ingredient in taken and _beyond(rule, numbers):
                found.append(rule.id)
        return found


class Indexed:
    """Only the rules of the ingredients that are taken."""

    name: ClassVar[str] = "Python, indexed by ingredient"
    used: ClassVar[str] = (
        "the same, but each rule is kept under its first ingredient: about the least that Python can do"
    )
    package: ClassVar[str | None] = None

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        self._pairs: dict[str, list[PairRule]] = {}
        self._limits: dict[str, list[ThresholdRule]] = {}
        for rule in rules:
            if isinstance(rule, PairRule):
                self._pairs.setdefault(rule.first, []).append(rule)
            else:
                self._limits.setdefault(rule.ingredient, []).append(rule)

    def prepare(self, patient: NeutralPatient) -> _Facts:
        return _facts(patient)

    def hits(self, prepared: _Facts) -> list[str]:
        taken, numbers = prepared
        found = []
        for name in taken:
            found += [rule.id for rule in self._pairs.get(name, ()) if rule.second in taken]
            found += [rule.id for rule in self._limits.get(name, ()) if _beyond(rule, numbers)]
        return found


class Durable:
    """A network of durable-rules."""

    name: ClassVar[str] = "durable-rules"
    used: ClassVar[str] = (
        "rules given as JSON, one wide fact a patient (`m_<ingredient>: 1` and the numbers) asserted, run "
        "and retracted in one session; the actions note a number; no host threads"
    )
    package: ClassVar[str | None] = "durable_rules"

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        from durable import engine

        class Host(engine.Host):  # type: ignore[misc]
            def _run(self) -> None:
                """No timers: actions run when they are asked for, in this thread."""

        self._not_handled: type[Exception] = engine.MessageNotHandledException
        self._found: list[str] = []
        definition = {
            rule.id: {"all": [{"m": {"$and": _durable(rule)}}], "run": self._action(rule.id)}
            for rule in rules
        }
        self._ruleset = engine.Ruleset(f"bench{len(rules)}", Host(), definition)

    def _action(self, rule_id: str) -> Any:
        def run(context: object) -> None:
            self._found.append(rule_id)

        return run

    def prepare(self, patient: NeutralPatient) -> dict[str, object]:
        taken = {f"m_{name}": 1 for name in patient.ingredients}
        return {"id": patient.id, "sid": "one", **taken, **dict(patient.numbers)}

    def hits(self, prepared: dict[str, object]) -> list[str]:
        self._found.clear()
        try:
            handle = self._ruleset.assert_fact(dict(prepared))
        except self._not_handled:
            return []
        self._ruleset.do_actions(handle, _ended)
        self._ruleset.retract_fact(dict(prepared))
        return list(self._found)


def _ended(error: object, state: object) -> None:
    if error is not None:
        raise RuntimeError(f"durable-rules: {error}")


def _durable(rule: NeutralRule) -> list[dict[str, object]]:
    if isinstance(rule, PairRule):
        return [{f"m_{rule.first}": 1}, {f"m_{rule.second}": 1}]
    operator = "$lt" if rule.side == "below" else "$gt"
    return [{f"m_{rule.ingredient}": 1}, {operator: {rule.fact: rule.limit}}]


def _variable(ingredient: str) -> str:
    return "m_" + ingredient.replace("-", "_")


def _zen(rule: NeutralRule) -> str:
    if isinstance(rule, PairRule):
        return f"{_variable(rule.first)} == 1 and {_variable(rule.second)} == 1"
    sign = "<" if rule.side == "below" else ">"
    return f"{_variable(rule.ingredient)} == 1 and {rule.fact} != null and {rule.fact} {sign} {rule.limit:g}"


class ZenTable:
    """A decision table of ZEN."""

    name: ClassVar[str] = "zen-engine, decision table"
    used: ClassVar[str] = (
        "one decision table, a rule a row, hit policy collect, content compiled beforehand; one column with "
        "the whole condition (faster than a column a fact), the patient as a dict of plain names"
    )
    package: ClassVar[str | None] = "zen-engine"

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        import zen

        rows = [{"_id": rule.id, "when": _zen(rule), "then": json.dumps(rule.id)} for rule in rules]
        table = {
            "hitPolicy": "collect",
            "inputs": [{"id": "when", "name": "when"}],
            "outputs": [{"id": "then", "name": "rule", "field": "rule"}],
            "rules": rows,
        }
        at = {"position": {"x": 0, "y": 0}}
        nodes = [
            {"id": "in", "type": "inputNode", "name": "in", **at},
            {"id": "table", "type": "decisionTableNode", "name": "table", "content": table, **at},
            {"id": "out", "type": "outputNode", "name": "out", **at},
        ]
        edges = [
            {"id": "one", "sourceId": "in", "targetId": "table", "type": "edge"},
            {"id": "two", "sourceId": "table", "targetId": "out", "type": "edge"},
        ]
        content = zen.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
        self._decision = zen.ZenEngine().create_decision(content)

    def prepare(self, patient: NeutralPatient) -> dict[str, object]:
        return {**dict(patient.numbers), **{_variable(name): 1 for name in patient.ingredients}}

    def hits(self, prepared: dict[str, object]) -> list[str]:
        rows: Any = self._decision.evaluate(prepared)["result"]
        return [row["rule"] for row in rows]


class ZenExpression:
    """One compiled expression of ZEN's language."""

    name: ClassVar[str] = "zen-engine, one compiled expression"
    used: ClassVar[str] = (
        "all rules as one expression, `[condition ? number : null, ...]`, compiled once; no decision graph"
    )
    package: ClassVar[str | None] = "zen-engine"

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        import zen

        self._ids = [rule.id for rule in rules]
        parts = (f"({_zen(rule)}) ? {number} : null" for number, rule in enumerate(rules))
        self._expression = zen.compile_expression(f"[{', '.join(parts)}]")

    def prepare(self, patient: NeutralPatient) -> dict[str, Any]:
        return {**dict(patient.numbers), **{_variable(name): 1 for name in patient.ingredients}}

    def hits(self, prepared: dict[str, Any]) -> list[str]:
        found: Any = self._expression.evaluate(prepared)
        return [self._ids[int(number)] for number in found if number is not None]


class Clips:
    """A Rete network of CLIPS."""

    name: ClassVar[str] = "clipspy (CLIPS)"
    used: ClassVar[str] = (
        "one environment; a fact an ingredient and a fact a number, made through templates (faster than "
        "facts as text), reset between patients; the right-hand side calls a Python function"
    )
    package: ClassVar[str | None] = "clipspy"

    def __init__(self, rules: Sequence[NeutralRule]) -> None:
        import clips

        self._symbol = clips.Symbol
        self._ids = [rule.id for rule in rules]
        self._found: list[int] = []
        self._environment = environment = clips.Environment()
        environment.define_function(self._found.append, name="hit")
        environment.build("(deftemplate taken (slot id))")
        for fact in FACTS:
            environment.build(f"(deftemplate {fact} (slot is))")
        for number, rule in enumerate(rules):
            environment.build(f"(defrule r{number} {_clips(rule)} => (hit {number}))")
        self._taken = environment.find_template("taken")
        self._numbers = {fact: environment.find_template(fact) for fact in FACTS}

    def prepare(self, patient: NeutralPatient) -> tuple[list[Any], tuple[tuple[str, float], ...]]:
        return [self._symbol(name) for name in patient.ingredients], patient.numbers

    def hits(self, prepared: tuple[list[Any], tuple[tuple[str, float], ...]]) -> list[str]:
        self._environment.reset()
        self._found.clear()
        for symbol in prepared[0]:
            self._taken.assert_fact(id=symbol)
        for fact, value in prepared[1]:
            self._numbers[fact].assert_fact(**{"is": value})
        self._environment.run()
        return [self._ids[number] for number in self._found]


def _clips(rule: NeutralRule) -> str:
    if isinstance(rule, PairRule):
        return f"(taken (id {rule.first})) (taken (id {rule.second}))"
    sign = "<" if rule.side == "below" else ">"
    return f"(taken (id {rule.ingredient})) ({rule.fact} (is ?v&:({sign} ?v {rule.limit:g})))"


PEERS: tuple[type[Peer], ...] = (Durable, ZenTable, ZenExpression, Clips, Loop, Indexed)
_MODULES = {"durable_rules": "durable", "zen-engine": "zen", "clipspy": "clips"}


def missing(peer: type[Peer]) -> str | None:
    """Why a peer cannot be measured here; None when it can."""
    if peer.package is None:
        return None
    try:
        __import__(_MODULES[peer.package])
    except Exception as error:
        return f"{peer.package} cannot be used here ({type(error).__name__})"
    return None
