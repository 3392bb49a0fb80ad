"""Case results as JUnit XML, the form that build servers read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from caveat.authoring.cases import CaseResult, CaseResults

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(results: CaseResults) -> str:
    """A suite a case file and, when there are any, one suite with an error a problem of the files."""
    suites: dict[str, list[CaseResult]] = {}
    for result in results.results:
        suites.setdefault(result.case.place.file, []).append(result)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for file, members in suites.items():
        failed = sum(not result.ok for result in members)
        lines.append(
            f'  <testsuite name={_attr(file)} tests="{len(members)}" failures="{failed}" errors="0">'
        )
        for result in members:
            lines += _case(result)
        lines.append("  </testsuite>")
    errors = [problem for problem in results.problems if problem.level == "error"]
    if errors:
        lines.append(
            f'  <testsuite name="case files" tests="{len(errors)}" failures="0" errors="{len(errors)}">'
        )
        for problem in errors:
            name = _attr(f"{problem.place} {problem.code}")
            lines.append(f"    <testcase name={name} classname={_attr(problem.place.file)}>")
            lines.append(f"      <error message={_attr(problem.title)}>{_text(str(problem))}</error>")
            lines.append("    </testcase>")
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _case(result: CaseResult) -> list[str]:
    case, place = result.case.case, result.case.place
    head = (
        f"    <testcase name={_attr(case.id)} classname={_attr(case.rule)} file={_attr(place.file)} "
        f'line="{place.line}"'
    )
    if result.ok:
        return [f"{head}/>"]
    message = _attr("; ".join(result.differences))
    return [
        f"{head}>",
        f"      <failure message={message}>{_text(str(result))}</failure>",
        "    </testcase>",
    ]


def _attr(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))
