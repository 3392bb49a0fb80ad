"""`caveat show`: a rule, a monograph or a ledger read back."""

from __future__ import annotations

from pathlib import Path

import click

from caveat.cli.options import load_rules, rules_option


@click.command("show")
@click.argument("name", metavar="RULE|SUBSTANCE")
@click.option("--ledger", is_flag=True, help="Every statement of the source, and what carries it.")
@click.option("--monograph", is_flag=True, help="The monograph data alone.")
@rules_option
def command(name: str, ledger: bool, monograph: bool, rules_path: Path | None) -> None:
    """Read a rule in plain English, or what is known about a substance.

    A rule id (baclofen.renal.crcl-below-30) prints for whom the rule is judged, when it alerts, what
    excuses it, what it says, and its evidence. A substance (baclofen) prints its monograph data and
    its rules.
    """
    from caveat.authoring.english import rule_in_english
    from caveat.authoring.monograph_text import ledger_text, monograph_text, rules_text
    from caveat.authoring.show import Subject, find
    from caveat.cli.talk import out

    rules = load_rules(rules_path)
    sources = dict(rules.sources)
    found = find(name, rules)
    if not isinstance(found, Subject):
        if ledger or monograph:
            raise click.UsageError(f"--ledger and --monograph take a substance, and {name} is a rule")
        out(rule_in_english(found, rules.terminology, sources))
        return
    if ledger and found.ledger is None:
        raise click.UsageError(f"{name} has no ledger (ledger.yaml in its folder)")
    if monograph and found.monograph is None:
        raise click.UsageError(f"{name} has no monograph (monograph.yaml in its folder)")
    parts = []
    if found.ledger is not None and ledger:
        parts.append(ledger_text(found.ledger, sources))
    if found.monograph is not None and (monograph or not ledger):
        parts.append(monograph_text(found.monograph, rules.terminology, sources))
    if not ledger and not monograph:
        parts.append(rules_text(found.rules))
    out("\n".join(parts))
