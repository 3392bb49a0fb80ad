"""The page: one file with its style and its script, which asks nothing of any network."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from caveat.batch.report import attrition, figures, missing, opening, rule_table, sections, source
from caveat.batch.report.markup import Html, foreign, h
from caveat.batch.report.methods import methods
from caveat.batch.report.view import View

_HERE = Path(__file__).resolve().parent


def page(view: View, title: str | None, *, identifiers: bool) -> str:
    """The whole report as HTML."""
    name = title or view.facts.run.title or _title(view)
    style, script = ((_HERE / file).read_text("utf-8") for file in ("page.css", "page.js"))
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("title", foreign(name, 200)),
        Html(f"<style>{style}</style>"),
    )
    parts = [
        opening.head(view, name, identifiers=identifiers),
        opening.draft_notice(view),
        opening.banner(view),
        attrition.attrition(view, identifiers=identifiers),
        source.source(view),
        figures.key_figures(view),
        rule_table.rules(view),
        sections.heat(view),
        sections.concentration(view),
        missing.missing(view),
        methods(view, identifiers=identifiers),
    ]
    body = h("body", h("main", *parts), Html(f"<script>{script}</script>"))
    return "<!doctype html>\n" + h("html", head, body, lang="en") + "\n"


def _title(view: View) -> str:
    run = view.facts.run
    return f"Cohort report, as of {run.as_of}" if run.as_of else "Cohort report"
