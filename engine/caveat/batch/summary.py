"""The closing words of a run, and the exit code it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from caveat.batch.run import Outcome
from caveat.findings.severity import SEVERITIES
from caveat.render.words import SHORT, counted

LOUD: Final = 0.2
"""The share of patients or mentions past which a gap is called out on a line of its own."""


def code(manifest: dict[str, Any], fail_on: str | None, severities: Sequence[str] = SEVERITIES) -> int:
    """2 when the check failed somewhere, else 3 for bad input, else 1 for findings, else 0."""
    counts = manifest["counts"]
    if counts["checks_failed"]:
        return 2
    if counts["set_aside"] or counts["errors"] or not counts["screened"]:
        return 3
    if fail_on is not None:
        grave = severities[: severities.index(fail_on) + 1]
        if any(counts["findings"]["fires"][name] for name in grave):
            return 1
    return 0


def summary(outcome: Outcome) -> str:
    """The lines that close a run: totals, gaps, and where the files are."""
    manifest = outcome.manifest
    counts = manifest["counts"]
    lines = [] if outcome.did_anything else [f"{outcome.folder.path}: this run was finished already"]
    if not counts["screened"]:
        lines.append("No patient was read, so nothing was judged. rejects.parquet says what was set aside.")
    lines.append(_totals(manifest))
    lines += _gaps(manifest)
    digest = manifest["ruleset"]["digest"].removeprefix("sha256:")[:12]
    statuses = ", ".join(f"{count} {name}" for name, count in manifest["rule_statuses"].items())
    lines.append(f"ruleset {manifest['ruleset']['version']} {digest} ({statuses})")
    took = manifest["timings"].get("total_seconds")
    if outcome.did_anything and took:
        lines.append(f"{took:,.1f} s, judged by {manifest['evaluator']}")
    lines.append(f"results in {outcome.folder.path}: {_files(outcome)}")
    return "\n".join(lines)


def _totals(manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    fires = counts["findings"]["fires"]
    words: dict[str, int] = {}
    for severity in SEVERITIES:
        words[SHORT[severity]] = words.get(SHORT[severity], 0) + fires[severity]
    grades = ", ".join(f"{count:,} {word}" for word, count in words.items() if count)
    total = sum(fires.values())
    faults = sum(counts["errors"].values()) - counts["checks_failed"]
    parts = [
        f"{counts['entered']:,} patients entered",
        f"{counts['screened']:,} screened as of {manifest['as_of']}",
        f"{counts['rejected']:,} rejected",
        f"{counts['clear']:,} clear",
        f"{total:,} {'alert' if total == 1 else 'alerts'}" + (f" ({grades})" if grades else ""),
        f"{sum(counts['findings']['cannot-assess'].values()):,} could not be assessed",
        f"{manifest['unrecognised']['mentions']:,} not recognised",
        f"{faults:,} faults in records",
        f"{sum(counts['set_aside'].values()):,} things set aside",
    ]
    return " · ".join(parts)


def _gaps(manifest: dict[str, Any]) -> list[str]:
    counts = manifest["counts"]
    screened = counts["screened"]
    lines = []
    if counts["checks_failed"]:
        lines.append(f"{counted(counts['checks_failed'], 'check')} FAILED, review manually")
    if counts["judged_again"]:
        why = "; ".join(counts["judged_again_because"])
        lines.append(
            f"{counts['judged_again']:,} patients were judged one at a time because the columnar evaluator "
            f"failed on them ({why}). This is a fault of caveat; the results stand"
        )
    with_any = counts["patients_with"]
    lines += [f"WARNING: {text}" for text in manifest["source"].get("warnings") or ()]
    if manifest["same_id"]["ids"]:
        same = manifest["same_id"]
        lines.append(
            f"WARNING: {same['ids']:,} ids stand in more than one record ({same['records']:,} records). "
            "They were judged apart and none is clear: join the records of a patient and screen again"
        )
    if screened:
        left_open, unknown = with_any.get("open", 0), with_any.get("unrecognised", 0)
        lines.append(
            f"{_share(left_open, screened)} of patients could not be assessed fully; "
            f"{_share(unknown, screened)} have a name that was not recognised"
        )
        if left_open > LOUD * screened or unknown > LOUD * screened:
            lines.append(
                "WARNING: no alert does not mean no risk here. Much could not be judged; see patients.parquet"
            )
        lone = with_any.get("not_covered", 0)
        if lone:
            lines.append(
                f"{_share(lone, screened)} of patients take a medicine that no rule is about: "
                "of those medicines nothing is said, clear or not"
            )
    names = manifest["unrecognised"]["listed"][:5]
    if names:
        shown = ", ".join(f"{one['text']!r} ({one['count']:,})" for one in names)
        more = manifest["unrecognised"]["names"] - len(names)
        least = "" if manifest["unrecognised"]["exact"] else "at least "
        lines.append(
            f"not recognised most often: {shown}" + (f", and {least}{more:,} more names" if more else "")
        )
    return lines


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _files(outcome: Outcome) -> str:
    there = [
        path.name
        for path in (
            outcome.folder.report,
            outcome.folder.final("patients"),
            outcome.folder.final("findings"),
            outcome.folder.final("rejects"),
            outcome.folder.manifest,
        )
        if path.exists()
    ]
    return ", ".join(there)
