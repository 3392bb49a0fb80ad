"""The cohort report: one HTML file that opens offline, written from the folder of a finished run."""

from __future__ import annotations

from pathlib import Path

from caveat.batch.problems import disk_problem
from caveat.batch.report import cells

REPORT = "report.html"


def write(
    folder: Path, *, title: str | None = None, small: int = cells.DEFAULT, identifiers: bool = False
) -> Path:
    """Write report.html into the folder of a finished run, whole or not at all, and return its path.

    Counts of 1 to `small` - 1 patients are not shown, nor what would give them away; 0 shows all,
    1 and 2 are a ValueError. `identifiers` adds file, value and patient to the rejected rows for
    download. Raises CaveatError when a file of the run is missing or unreadable, and RunError when
    the report cannot be written.
    """
    from caveat.batch.report.facts import gather
    from caveat.batch.report.page import page
    from caveat.batch.report.view import view
    from caveat.batch.safe import whole

    folder = Path(folder)
    cells.check_limit(small)
    text = page(view(folder, gather(folder), small), title, identifiers=identifiers)
    path = folder / REPORT
    try:
        with whole(path) as unfinished:
            unfinished.write_text(text, "utf-8")
    except OSError as error:
        raise disk_problem(error, path) from None
    return path
