"""Charts as SVG, rendered without a network; every figure stands in a table beside them too.

Colours that follow the page's theme are placeholders in the drawing and become CSS in the SVG.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from caveat.batch.report.markup import Html, foreign

_INK, _BAR, _OPEN, _GRID, _PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
_THEME: Final = {
    _INK: "currentColor",
    _BAR: "var(--bar)",
    _OPEN: "var(--open)",
    _GRID: "var(--grid)",
    _PAPER: "var(--paper)",
}
_RAMP: Final = ("#E8F0F8", "#C3D8EC", "#93B9DA", "#5C93C2", "#2F6CA3", "#12467C", "#062B54")
"""From few to many; dark text stands on the first four, white on the others."""

_FONT: Final = "Liberation Sans, Arimo, Helvetica, Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of the heat map: alerts per 100 patients."""

    row: str
    column: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """A bar: what fired, and up to what it would go; rates per 100 patients."""

    label: str
    least: float
    fired: float
    most: float


def available() -> bool:
    """Whether the packages that draw are installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("altair", "vl_convert"))


def heat_map(tiles: Sequence[Tile], rows: Sequence[str], columns: Sequence[str], label: str) -> Html:
    """Rows of severities, columns of kinds; each tile says its number."""
    import altair as alt

    highest = max((tile.value for tile in tiles), default=0.0)
    values = [
        {"row": t.row, "column": t.column, "text": t.text, "fill": fill, "ink": ink}
        for t in tiles
        for fill, ink in [_step(t.value, highest)]
    ]
    base = alt.Chart(_data(values)).encode(
        x=alt.X("column:N", sort=list(columns), title=None, axis=alt.Axis(orient="top", labelAngle=-30)),
        y=alt.Y("row:N", sort=list(rows), title=None),
    )
    tile = base.mark_rect(stroke=_GRID, strokeWidth=1).encode(fill=alt.Fill("fill:N", scale=None))
    text = base.mark_text(fontSize=13).encode(text="text:N", color=alt.Color("ink:N", scale=None))
    return _svg((tile + text).properties(width=alt.Step(84), height=alt.Step(40)), label)


def _data(values: Sequence[dict[str, Any]]) -> Any:
    import altair as alt

    return alt.InlineData(values=list(values))


def _step(value: float, highest: float) -> tuple[str, str]:
    """Fill and text colour of a tile; the square root keeps small rates apart."""
    if value <= 0 or highest <= 0:
        return _PAPER, _INK
    place = min(int((value / highest) ** 0.5 * len(_RAMP)), len(_RAMP) - 1)
    return _RAMP[place], "#101820" if place < 4 else "#FFFFFF"


def concentration(shares: Sequence[float], mark: int, label: str) -> Html:
    """The share of alerts (percent) that the first rules make up, by rank; `mark` reaches 80."""
    import altair as alt

    points = [{"rank": 0, "share": 0.0}, *({"rank": i, "share": s} for i, s in _thinned(shares))]
    most = max(len(shares), 1)
    at = [{"rank": mark, "share": shares[mark - 1]}] if mark else []
    x = alt.X(
        "rank:Q",
        title="rules, those with most alerts first",
        scale=alt.Scale(domain=[0, most], nice=False),
        axis=alt.Axis(tickMinStep=1, grid=False, format="d", tickCount=min(most, 10)),
    )
    y = alt.Y("share:Q", title="share of alerts, %", scale=alt.Scale(domain=[0, 100]))
    line = alt.Chart(_data(points)).mark_line(color=_BAR, strokeWidth=2.5).encode(x=x, y=y)
    dots = alt.Chart(_data(points[1:51])).mark_point(filled=True, size=28, color=_BAR, opacity=1)
    limit = alt.Chart(_data([{"share": 80}])).mark_rule(color=_INK, strokeDash=[5, 4])
    ring = alt.Chart(_data(at)).mark_point(size=150, color=_OPEN, strokeWidth=2.5, opacity=1)
    chart = line + dots.encode(x=x, y=y) + limit.encode(y="share:Q") + ring.encode(x=x, y=y)
    return _svg(chart.properties(width=760, height=280), label)


def _thinned(shares: Sequence[float], most: int = 400) -> list[tuple[int, float]]:
    """At most `most` of the points, by rank, the last among them."""
    step = max(1, len(shares) // most)
    places = sorted({*range(0, len(shares), step), len(shares) - 1} if shares else ())
    return [(place + 1, shares[place]) for place in places]


def ranges(bars: Sequence[Range], label: str) -> Html:
    """A bar a rule: filled as far as alerts fired, dashed as far as missing data could take it."""
    import altair as alt

    names = [f"{place} {bar.label}" for place, bar in enumerate(bars)]
    values = [
        {"name": name, "least": bar.least, "fired": bar.fired, "most": bar.most}
        for name, bar in zip(names, bars, strict=True)
    ]
    data = _data(values)
    y = alt.Y(
        "name:N",
        sort=names,
        title=None,
        axis=alt.Axis(labelExpr="substring(datum.label, indexof(datum.label, ' ') + 1)", labelLimit=400),
    )
    x = alt.X("fired:Q", title="patients per 100", scale=alt.Scale(domainMin=0))
    solid = alt.Chart(data).mark_bar(color=_BAR, height=12).encode(x=x, y=y)
    could = (
        alt.Chart(data)
        .mark_bar(fill=None, stroke=_OPEN, strokeWidth=1.5, strokeDash=[4, 3], height=12)
        .encode(x="fired:Q", x2="most:Q", y=y)
    )
    return _svg((could + solid).properties(width=560, height=alt.Step(26)), label)


def _svg(chart: Any, label: str) -> Html:
    import vl_convert

    chart = (
        chart.configure(font=_FONT, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=_INK,
            titleColor=_INK,
            tickColor=_GRID,
            domainColor=_GRID,
            gridColor=_GRID,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
        )
    )
    drawn: str = vl_convert.vegalite_to_svg(chart.to_dict())
    return Html(_inlined(drawn, label))


def _inlined(drawn: str, label: str) -> str:
    """The drawing as one picture with a text, without identifiers that another could share."""
    said = html.escape(foreign(label, 300))
    drawn = re.sub(r' (?:aria-[a-z]+|role)="[^"]*"', "", drawn)
    drawn = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", drawn)
    drawn = drawn.replace('<svg version="1.1" class="marks"', f'<svg role="img" aria-label="{said}"', 1)
    for placeholder, css in _THEME.items():
        drawn = drawn.replace(f'"{placeholder}"', f'"{css}"')
    return drawn
