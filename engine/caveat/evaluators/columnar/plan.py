"""A ruleset prepared for columns: which ingredients matter to which rules."""

from __future__ import annotations

from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.columnar.emit import Labels
from caveat.evaluators.columnar.facts import Known
from caveat.evaluators.columnar.pairs import PairTable
from caveat.evaluators.columnar.sharing import Sharing
from caveat.evaluators.columnar.superseding import Superseding


class Plan:
    """Everything that stays the same from one batch to the next."""

    def __init__(self, rules: Ruleset) -> None:
        import numpy as np

        program = rules.program
        self.rules = rules
        self.known = Known(rules.terminology)
        self.labels = Labels(rules)
        self.superseding = Superseding(program)
        pairs = [(index, rule) for index, rule in enumerate(program.rules) if rule.subject == "pair"]
        self.pairs = PairTable(pairs, self.known.catalogue)
        self.sharing = Sharing(pairs, self.known.catalogue.number)
        self.single: list[tuple[int, CompiledRule]] = [
            (index, rule) for index, rule in enumerate(program.rules) if rule.subject != "pair"
        ]
        number = self.known.catalogue.number
        self.everyone = any(rule.subject == "patient" and not rule.first for _, rule in self.single)
        self.any_allergies = any(rule.subject == "allergy" and rule.of_any for _, rule in self.single)
        names = len(self.known.catalogue.names)
        # the last place stands for an order of nothing that is known
        self.wanted = np.zeros(names + 1, np.bool_)
        for _, rule in self.single:
            self.wanted[[number[name] for name in rule.first if name in number]] = True
        self.covered = rules.covered
