"""The report in Chromium: nothing leaves the page, tables sort and filter, it prints.

CAVEAT_CHROMIUM names the browser where it is not found under its usual names.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from caveat.batch.report import write
from report.made import RULES, Finding, reject, run

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
EVIL = '<img src="http://example.invalid/x.png" onerror="document.title=1">'
SKIP = "needs Chromium: install the package chromium, or name the program in CAVEAT_CHROMIUM, to run this"


@dataclass
class Seen:
    """A page with what it said and asked for."""

    page: Any
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = os.environ.get("CAVEAT_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(SKIP)
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright, of the extra dev, to run this"
    )
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four rules over 60 patients, with hostile text wherever a record or a rule can put it."""
    rules = {**RULES, "evil.rule.x": ("moderate", "interaction", EVIL)}
    told: list[list[Finding]] = []
    for i in range(60):
        of: list[Finding] = [("a.dose.high", "fires", "")]
        if i % 2:
            of.append(("a.pair.b", "fires", "specialist"))
        if i % 3 == 0:
            of.append(("evil.rule.x", "cannot-assess", "creatinine_clearance"))
        if i < 7:
            of.append(("a.renal.low", "fires", ""))
        told.append(of)
    names = {i: [("medication", EVIL)] for i in range(10)}
    folder = tmp_path_factory.mktemp("report")
    aside = [reject("bad-unit", "orders[0].dose", value=EVIL), reject("=1+1", EVIL)]
    return write(run(folder, told, rules=rules, names=names, rejects=aside), title=f"Ward {EVIL}")


@pytest.fixture
def seen(browser: Any, report: Path) -> Iterator[Seen]:
    """The report, opened with no way out: every request but that for the file itself is stopped."""
    context = browser.new_context(
        offline=True, accept_downloads=True, viewport={"width": 1200, "height": 900}
    )
    found = Seen(context.new_page())
    found.page.on("console", lambda message: found.console.append(f"{message.type}: {message.text}"))
    found.page.on("pageerror", lambda error: found.console.append(f"error: {error}"))

    def watched(route: Any) -> None:
        url = route.request.url
        found.requests.append(url)
        if url == report.as_uri() or url.startswith("data:"):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", watched)
    found.page.goto(report.as_uri())
    yield found
    context.close()


def titles(page: Any) -> list[str]:
    """The ids of the rules as the table shows them."""
    found: list[str] = page.eval_on_selector_all(
        "#rule-table tbody tr:not([hidden]) code", "all => all.map(one => one.textContent)"
    )
    return found


def click(page: Any, head: str) -> None:
    page.locator("#rule-table thead th", has_text=head).first.click()


def test_nothing_leaves_and_nothing_fails(seen: Seen, report: Path) -> None:
    seen.page.wait_for_load_state("networkidle")
    assert seen.console == []
    assert seen.requests == [report.as_uri()]
    assert seen.page.title().startswith("Ward <img")
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("figure svg").count() == 3


def test_the_guard_sees_a_request(seen: Seen) -> None:
    """The page's own policy refuses an image, and says so: the test above can fail."""
    seen.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'http://example.invalid/y'}))")
    seen.page.wait_for_timeout(200)
    assert any("Content Security Policy" in text for text in seen.console)


def test_rules_sort_by_click(seen: Seen) -> None:
    most = ["a.dose.high", "a.pair.b", "a.renal.low", "evil.rule.x", "a.note.any"]
    assert titles(seen.page) == most
    click(seen.page, "Alerts")
    assert titles(seen.page) == most
    click(seen.page, "Alerts")
    assert titles(seen.page)[-3:] == ["a.renal.low", "a.pair.b", "a.dose.high"]
    assert seen.page.locator("th[aria-sort=ascending]").count() == 1
    click(seen.page, "Severity")
    assert titles(seen.page) == ["a.renal.low", "a.pair.b", "evil.rule.x", "a.dose.high", "a.note.any"]
    click(seen.page, "Kind")
    assert titles(seen.page)[0] == "a.renal.low"
    click(seen.page, "Left open")
    assert titles(seen.page)[0] == "evil.rule.x"


def test_rules_sort_from_the_keyboard(seen: Seen) -> None:
    seen.page.get_by_role("button", name="sort by Left open").press("Enter")
    assert titles(seen.page)[0] == "evil.rule.x"


def test_rules_are_filtered(seen: Seen) -> None:
    seen.page.fill("#find", "A with")
    assert titles(seen.page) == ["a.pair.b", "a.renal.low"]
    assert seen.page.inner_text("#found") == "2 of 5 rules shown"
    seen.page.fill("#find", "")
    seen.page.select_option("#grade", "Caution")
    assert titles(seen.page) == ["a.dose.high", "evil.rule.x"]
    seen.page.fill("#find", "none such")
    assert titles(seen.page) == []
    assert seen.page.inner_text("#found") == "0 of 5 rules shown"


@pytest.mark.parametrize(
    ("place", "name", "first"),
    [
        ("#rules", "rules.csv", {"rule": "a.dose.high", "alerts": "60", "patients_per_100": "100"}),
        ("#attrition", "rejects.csv", {"input": "1", "line": "7", "code": "'=1+1"}),
    ],
)
def test_csv_is_saved(seen: Seen, tmp_path: Path, place: str, name: str, first: dict[str, str]) -> None:
    with seen.page.expect_download() as waiting:
        seen.page.locator(f"{place} a.download").click()
    assert waiting.value.suggested_filename == name
    waiting.value.save_as(tmp_path / name)
    with (tmp_path / name).open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file))
    assert {key: row[key] for key in first} == first


def test_it_prints(seen: Seen) -> None:
    data = seen.page.pdf(format="A4")
    assert data.startswith(b"%PDF")
    assert data.count(b"/Type /Page\n") >= 2
    seen.page.emulate_media(media="print")
    assert not seen.page.locator(".tools").is_visible()
    assert not seen.page.locator("a.download").first.is_visible()


def test_closed_tables_open_for_paper(seen: Seen) -> None:
    closed = seen.page.locator("details:not([open])").count()
    assert closed >= 2
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert seen.page.locator("details:not([open])").count() == 0
    seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert seen.page.locator("details:not([open])").count() == closed


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_no_width_scrolls_the_page_sideways(seen: Seen, width: int) -> None:
    seen.page.set_viewport_size({"width": width, "height": 800})
    wide = seen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_readable_without_script(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("#rule-table tbody tr").count() == 5
    assert not page.locator(".tools").is_visible()
    context.close()


def test_dark_and_light_differ(seen: Seen) -> None:
    read = "getComputedStyle(document.body).backgroundColor"
    seen.page.emulate_media(color_scheme="light")
    light = seen.page.evaluate(read)
    seen.page.emulate_media(color_scheme="dark")
    assert (light, seen.page.evaluate(read)) == ("rgb(255, 255, 255)", "rgb(20, 24, 29)")
