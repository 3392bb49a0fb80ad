"""A chart and its table, and how a rule is named in both."""

from __future__ import annotations

from typing import Final

from caveat.batch.report.markup import Html, foreign, h, simple_table
from caveat.batch.report.view import RuleView

NO_CHARTS: Final = (
    "Charts were left out: altair and vl-convert are not installed. The tables have every figure."
)


def text_of(rule: RuleView) -> str:
    """The title of a rule, else its id."""
    return rule.facts.title or rule.facts.id


def title_of(rule: RuleView) -> Html:
    """The title of a rule, else its id, cut."""
    return h("span", foreign(text_of(rule), 160))


def figure(
    name: str,
    title: str,
    note: str,
    picture: Html | None,
    head: tuple[str, ...],
    body: list[Html],
    *,
    texts: int = 1,
    opened: bool = False,
    level: str = "h2",
) -> Html:
    """A chart with its figures as a table; only the table where charts cannot be drawn."""
    table = simple_table(head, body, title, texts=texts)
    if picture is None:
        shown: list[Html] = [h("p", NO_CHARTS, class_="fine"), table]
    else:
        figures = table if opened else h("details", h("summary", "The figures as a table"), table)
        shown = [h("figure", h("div", picture, class_="chart")), figures]
    return h("section", h(level, title), h("p", note), *shown, id=name or None)
