"""`caveat selftest`: what a site's configuration makes of rules that must fire."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from caveat.cli.options import format_option, rules_option

if TYPE_CHECKING:
    from caveat.authoring.selftest import Proof
    from caveat.compile.ruleset import Ruleset

_FILE = click.Path(path_type=Path)


@click.group("selftest")
def command() -> None:
    """Prove what is on, with the rules, policy and overlay as a site uses them."""


@command.command("must-fire")
@click.option("--config", "config", type=_FILE, metavar="FILE", help="Configuration of a service.")
@rules_option
@click.option("--policy", metavar="FILE", help="The site's policy: a file, or the name of a bundled one.")
@click.option("--overlay", type=_FILE, metavar="FILE", help="The site's overlay.")
@format_option
@click.pass_context
def must_fire(
    ctx: click.Context,
    config: Path | None,
    rules_path: Path | None,
    policy: str | None,
    overlay: Path | None,
    form: str,
) -> None:
    """Judge every record that must alert, and show with which tier it does.

    The items stand beside the rules in must-fire/*.yaml. Exit code 1 when one does not alert, or not
    loudly enough; a decision of the site's overlay is then named with its reason and owner.
    """
    from caveat.authoring.selftest import failed, prove, read_items, sanity
    from caveat.cli.talk import out, say
    from caveat.errors import CaveatError

    if config is not None and (rules_path or policy or overlay):
        raise click.UsageError("--config names rules, policy and overlay itself; give one or the other")
    rules = _configured(config) if config is not None else _named(rules_path, policy, overlay)
    items = read_items(rules.root)
    if not items:
        raise CaveatError(
            f"{rules.root}: nothing is declared that must fire, so that nothing is proved. Put items into "
            "must-fire/*.yaml beside the rules"
        )
    proofs = prove(rules, items)
    wrong = sanity(rules, _today())
    out(_json(rules, proofs, wrong) if form == "json" else _text(rules, proofs, wrong))
    held, waiting = sum(proof.ok for proof in proofs), sum(proof.waits for proof in proofs)
    say(
        f"{held} of {len(proofs)} items fire as they must"
        + (f", {waiting} have no rule yet" if waiting else "")
        + f"; rules {rules.digest[:19]}, policy {rules.policy}"
    )
    ctx.exit(1 if wrong or failed(proofs) else 0)


def _today() -> str:
    import datetime as dt

    return dt.date.today().isoformat()


def _named(rules: Path | None, policy: str | None, overlay: Path | None) -> Ruleset:
    from caveat.compile.ruleset import load

    return load(rules, policy=policy, overlay=overlay, day=_today())


def _configured(file: Path) -> Ruleset:
    """The rules of a service, as it would load them: signatures are verified in production."""
    import datetime as dt

    from caveat.service.config_file import load_config
    from caveat.service.reload import load_rules

    return load_rules(load_config(file), dt.date.today())


def _json(rules: Ruleset, proofs: Sequence[Proof], wrong: Sequence[str]) -> str:
    import json

    found: dict[str, Any] = {
        "ruleset": {"version": rules.version, "digest": rules.digest},
        "policy": rules.policy,
        "overlay": rules.overlay or None,
        "ok": not wrong and all(proof.ok or proof.waits for proof in proofs),
        "items": [
            {
                "item": proof.item,
                "rule": proof.rule,
                "wanted": proof.wanted,
                "came": proof.came or None,
                "records": proof.checked,
                "ok": proof.ok,
                "no_rule": (proof.no_rule or None) if proof.waits else None,
                "failures": [
                    {"subject": f.subject, "why": f.why, "by_site": f.by_site} for f in proof.failures
                ],
            }
            for proof in proofs
        ],
        "disabled": [{"rule": rule, "reason": why, "owner": owner} for rule, why, owner in rules.disabled],
        "sanity": list(wrong),
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _result(proof: Proof) -> str:
    return "fires" if proof.ok else "no rule yet" if proof.waits else "FAILS"


def _text(rules: Ruleset, proofs: Sequence[Proof], wrong: Sequence[str]) -> str:
    from caveat.render.clean import clean

    heads = ("item", "rule", "at least", "came as", "records", "")
    rows = [(p.item, p.rule, p.wanted, p.came or "nothing", str(p.checked), _result(p)) for p in proofs]
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(heads, widths, strict=True)).rstrip()]
    for row, proof in zip(rows, proofs, strict=True):
        lines.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if proof.waits:
            lines.append(f"    {len(proof.failures)} do not alert so: {clean(proof.no_rule, 800)}")
            continue
        lines += [f"    {clean(f.subject)}: {clean(f.why, 800)}" for f in proof.failures[:5]]
        if len(proof.failures) > 5:
            lines.append(f"    and {len(proof.failures) - 5} more")
    lines += [f"self-test: {clean(text, 400)}" for text in wrong]
    lines += [
        f"disabled by the site: {rule}: {clean(why, 500)} ({clean(owner)})"
        for rule, why, owner in rules.disabled
    ]
    return "\n".join(lines) + "\n"
