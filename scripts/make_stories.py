"""Writes the FHIR R4 stories of fixtures/fhir/stories, and the table of what each must show.

    python -m scripts.make_stories          writes them
    python -m scripts.make_stories --check  exit 1 when a file on disk differs

Every patient is invented. Codes are RxNorm, ICD-10-CM, SNOMED CT and LOINC; dates are fixed, the
stories are read as of 2026-01-15.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.stories.build import Story, bundle
from scripts.stories.children import CHILDREN
from scripts.stories.conditions import CONDITIONS
from scripts.stories.doses import DOSES
from scripts.stories.organs import ORGANS
from scripts.stories.others import OTHERS

AS_OF = "2026-01-15"
FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "fhir" / "stories"
STORIES: tuple[Story, ...] = (*ORGANS, *DOSES, *CHILDREN, *CONDITIONS, *OTHERS)

INTRODUCTION = f"""# Stories

FHIR R4 Bundles of invented patients who take baclofen, one story each, read as of {AS_OF}. Written
by `scripts/make_stories.py`. Shown are the rules that alert and are not superseded by another one;
rule ids leave out the leading `baclofen.`. Together the stories make every rule fire, stay silent in
its scope and be unassessable, as far as that is possible; `tests/test_stories.py` holds this and names
the exceptions.

What FHIR has no place for is said with Observations of the code system `urn:caveat:context`
(`specialist_oversight`, `hazardous_work`, `fall_risk`, `alcohol_use`, `pump_refilled`). A test dose has
the category "Test dose"; a List in snapshot mode says that a list is complete.

| story | what it tells | alerts |
|---|---|---|"""


def files() -> Iterator[tuple[str, str]]:
    """Name and text of every file."""
    for story in STORIES:
        text = json.dumps(bundle(story), indent=1, ensure_ascii=False)
        yield f"{story.name}.json", text + "\n"
    yield "README.md", readme()


def readme() -> str:
    """The stories with the alerts that each must show."""
    rows = [
        f"| {story.name} | {story.tells} | {', '.join(sorted(story.shows)) or 'nothing'} |"
        for story in STORIES
    ]
    return "\n".join((INTRODUCTION, *rows, ""))


def main(arguments: list[str]) -> int:
    """Write, or with --check compare."""
    wanted: dict[str, Any] = dict(files())
    if "--check" in arguments:
        stale = [n for n, text in wanted.items() if not _same(FOLDER / n, text)]
        extra = [p.name for p in FOLDER.glob("*") if p.name not in wanted]
        for name in (*stale, *extra):
            print(f"{name} differs from what scripts/make_stories.py writes", file=sys.stderr)
        return 1 if stale or extra else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
