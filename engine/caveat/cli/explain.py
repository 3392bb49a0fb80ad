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
@click.option(
    "--what-if",
    "changes",
    multiple=True,
    metavar="FACT=VALUE",
    help="Judge as if this fact had this value; may be given several times.",
)
@click.option(
    "--why-not", is_flag=True, help="Show as well which values of each number would change the verdict."
)
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
    changes: tuple[str, ...],
    why_not: bool,
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
    facts = _changes(changes)
    for index, one in enumerate(found):
        if facts:
            from caveat.authoring.changed import with_facts

            one = with_facts(one, facts, rules.terminology, day.toordinal())
        explanation = explain(rule, one, rules, day, selection=selection, order=order)
        points = None
        if why_not:
            from caveat.authoring.whatif import tipping_points

            points = tipping_points(one, rules, day, selection=selection, only=rule)
        if form == "json":
            from caveat.authoring.whatif_text import whatif_data
            from caveat.render.json import dump

            data = explanation_data(explanation, rules.terminology)
            extra = {"what_if": facts} if facts else {}
            tips = {"tipping_points": whatif_data(points)} if points is not None else {}
            out(dump({**data, **extra, **tips}) + b"\n")
        else:
            text = ("\n" if index else "") + "".join(f"If {k} were {v}\n" for k, v in facts.items())
            text += explanation_text(explanation, rules.terminology)
            if points is not None:
                from caveat.authoring.whatif_text import whatif_text

                text += "\nWhat would change it, one number at a time\n" + (
                    whatif_text(points) if points.facts else "no number that the rule asks for\n"
                )
            out(text)
    ctx.exit(code)


def _changes(given: tuple[str, ...]) -> dict[str, str]:
    """Facts and values of `--what-if`; a usage error for one without `=` or twice."""
    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        name = name.strip()
        if not equals or not name or not value.strip():
            raise click.UsageError(
                f"--what-if takes FACT=VALUE, such as creatinine_clearance='35 mL/min', not {one!r}"
            )
        if name in found:
            raise click.UsageError(f"--what-if names {name!r} twice")
        found[name] = value.strip()
    return found


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
