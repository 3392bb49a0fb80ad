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

REST = (
    "rest-screen-request",
    "rest-explain-request",
    "rest-what-if-request",
    "rest-screen-line",
    "rest-screen-bundle",
    "rest-explain",
    "rest-what-if",
    "rest-rules",
    "rest-rule",
    "rest-problem",
    "rest-ready",
)


@click.command("schema")
@click.argument("kind", type=click.Choice((*KINDS, *REST)))
def command(kind: str) -> None:
    """Print the JSON Schema of KIND.

    report is a line of `caveat screen --format json`, patient the native record, overlay the file of a
    site's changes, service-config the configuration of a service, rest-... what REST calls
    send and are answered, the others the files of a ruleset.
    Name the printed file in an editor, or in a comment at the head of a rules file:
    # yaml-language-server: $schema=rules.schema.json
    """
    import json

    from caveat.cli.talk import out

    if kind == "service-config":
        from caveat.service.config_schema import config_schema

        out(json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n")
        return
    if kind in REST:
        from caveat.service.rest.schemas import schema as of_rest

        out(json.dumps(of_rest(kind.removeprefix("rest-")), indent=2, ensure_ascii=False) + "\n")
        return
    from caveat.authoring.schemas import schema

    out(json.dumps(schema(kind), indent=2, ensure_ascii=False) + "\n")
