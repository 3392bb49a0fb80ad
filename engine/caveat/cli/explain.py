"""`caveat explain`: how one rule was judged on a patient."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from caveat.cli.options import (
    as_of_option,
    day_or_today,
    format_option,
    load_rules,
    rules_option,
    selection_option,
)

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset
    from caveat.facts.identify import Selection
    from caveat.facts.patient import Patient


@click.command("explain")
@click.argument("rule")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--patient", metavar="ID", help="Which patient, where the file holds several.")
@click.option("--order", metavar="ID", help="Only the subjects with this order.")
@rules_option
@as_of_option
@selection_option
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    rule: str,
    paths: tuple[str, ...],
    patient: str | None,
    order: str | None,
    rules_path: Path | None,
    as_of: int | None,
    selection: Selection,
    form: str,
) -> None:
    """Show how RULE was judged on the patient in PATH, with every clause, value, date and source.

    Rules that did not fire are explained too: which clause is false, what is missing, which exception
    holds, or why no order is in scope. Nothing is cut short.
    """
    from caveat.authoring.explain import explain, find_rule
    from caveat.authoring.explain_text import explanation_data, explanation_text
    from caveat.cli.talk import out

    rules = load_rules(rules_path)
    find_rule(rules.program, rule)
    found, code = _patients(paths, patient, rules)
    if not found:
        ctx.exit(3)
    day = dt.date.fromordinal(day_or_today(as_of))
    for index, one in enumerate(found):
        explanation = explain(rule, one, rules, day, selection=selection, order=order)
        if form == "json":
            from caveat.render.json import dump

            out(dump(explanation_data(explanation, rules.terminology)) + b"\n")
        else:
            out(("\n" if index else "") + explanation_text(explanation, rules.terminology))
    ctx.exit(code)


def _patients(paths: tuple[str, ...], wanted: str | None, rules: Ruleset) -> tuple[list[Patient], int]:
    """The patients asked for, and 3 when something of the input was set aside, else 0."""
    from caveat.adapters import Reject, read_records
    from caveat.cli.talk import reject_line, say

    terminology = rules.terminology
    found: list[Patient] = []
    others: list[str] = []
    rejected = False
    for one in read_records(paths, bound=lambda code: terminology.observation_for(code) is not None):
        if isinstance(one, Reject):
            if not one.harmless:
                rejected = True
                say(reject_line(one))
        elif wanted is None or one.id == wanted:
            found.append(one)
        else:
            others.append(one.id)
    if wanted is not None and not found and others:
        from caveat.rules.diagnostics import did_you_mean

        near = did_you_mean(wanted, others) or f"There are: {', '.join(others[:5])}"
        say(f"no patient {wanted!r} among {len(others)}. {near}")
    return found, 3 if rejected else 0
