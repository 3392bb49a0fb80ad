"""Words before shapes before colours, and colours that can be read in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import caveat.batch.report.charts as charts
from caveat.batch.report.words import grade, per_100, word
from caveat.render.words import GRADES

CSS = (Path(charts.__file__).parent / "page.css").read_text("utf-8")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """The contrast ratio, WCAG 2.2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def theme(number: int) -> dict[str, str]:
    """The variables of the light (0) and of the dark (1) theme."""
    block = re.findall(r":root \{([^}]*--paper[^}]*)\}", CSS)[number]
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block))


def test_contrast_as_defined() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WCAG's own border case


@pytest.mark.parametrize("number", [0, 1])
def test_text_can_be_read(number: int) -> None:
    of = theme(number)
    pairs = [(ink, on) for ink in ("ink", "soft", "link", "open") for on in ("paper", "panel")]
    pairs += [("ink", "warn"), ("ink", "loud"), ("open", "loud")]
    assert {
        pair: contrast(of[pair[0]], of[pair[1]]) for pair in pairs if contrast(of[pair[0]], of[pair[1]]) < 4.5
    } == {}
    assert all(contrast(of[name], of["paper"]) >= 3 for name in ("bar", "open", "warn-line"))


def test_grades_have_the_colours_of_alerts() -> None:
    for name, look in GRADES.items():
        if name in ("open", "info"):
            continue
        found = re.search(rf"\.{name} \{{ background: (#\w+); color: (#\w+);", CSS)
        assert found, name
        assert (found[1].upper(), found[2].upper()) == (look.background, look.foreground)
        assert contrast(found[1], found[2]) >= 4.5


@pytest.mark.parametrize("severity", ["contraindicated", "major", "moderate", "minor", "info"])
def test_a_grade_is_a_word_then_a_shape(severity: str) -> None:
    html = grade(severity)
    assert re.fullmatch(rf'<span class="grade \w+">{word(severity)}<svg class="shape".*</svg></span>', html)


def test_a_grade_nobody_knows_is_its_word() -> None:
    assert grade("<odd>") == '<span class="grade">&lt;odd&gt;</span>'
    assert grade("") == '<span class="grade">Not stated</span>'


def test_tiles_can_be_read() -> None:
    for value in range(1, 1001):
        fill, ink = charts._step(value, 1000)
        assert contrast(fill.lower(), ink.lower()) >= 4.5, (value, fill, ink)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (12.345, "12.3"),
        (1, "1.0"),
        (0.456, "0.46"),
        (0.00314, "0.0031"),
        (100, "100.0"),
    ],
)
def test_rates_as_written(value: float | None, text: str) -> None:
    assert per_100(value) == text
