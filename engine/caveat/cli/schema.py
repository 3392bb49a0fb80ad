"""`caveat schema`: the JSON Schema of a kind of file."""

from __future__ import annotations

import click

KINDS = (
    "report",
    "patient",
    "rules",
    "cases",
    "policy",
    "overlay",
    "must-fire",
    "sources",
    "ledger",
    "monograph",
    "service-config",
)


@click.command("schema")
@click.argument("kind", type=click.Choice(KINDS))
def command(kind: str) -> None:
    """Print the JSON Schema of KIND.

    report is a line of `caveat screen --format json`, patient the native record, overlay the file of a
    site's changes, service-config the configuration of a service, the others the files of a ruleset.
    Name the printed file in an editor, or in a comment at the head of a rules file:
    # yaml-language-server: $schema=rules.schema.json
    """
    import json

    from caveat.cli.talk import out

    if kind == "service-config":
        from caveat.service.config_schema import config_schema

        out(json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n")
        return
    from caveat.authoring.schemas import schema

    out(json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n")
