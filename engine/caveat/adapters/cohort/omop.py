"""OMOP CDM 5.4 databases as a cohort: a DuckDB file, a folder of tables, or PostgreSQL."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from caveat.adapters.cohort.base import Chunk, Input
from caveat.adapters.omop import place as at
from caveat.adapters.omop import stage
from caveat.adapters.omop.kinds import Bound
from caveat.errors import InputError
from caveat.facts.patient import Patient

_BLOCK: Final = 1 << 20


def sniff(paths: Sequence[str | Path], *, bound: Bound | None = None) -> OmopCohort | None:
    """The cohort that the one path is, or None for something else. InputError for several databases."""
    if not any(at.looks_like(path) for path in paths):
        return None
    if len(paths) > 1:
        raise InputError(
            "an OMOP database is screened on its own",
            code="several-databases",
            source=", ".join(at.place(path).label for path in paths if at.looks_like(path)),
            hint="Name one database a run",
        )
    return OmopCohort(paths[0], bound=bound)


class OmopCohort:
    """One OMOP database. `path` is a DuckDB file, a folder of tables or a `postgresql://` URL.

    `bound` says which observation codes any concept knows: results in other LOINC codes are only
    counted. Nothing is opened before `prepare` or `inputs`. A password of the URL stays in memory: it
    is in no text, no file and no pickled copy.
    """

    kind: str = "omop"

    def __init__(self, path: str | Path, *, bound: Bound | None = None) -> None:
        self._place = at.place(path)
        self._bound = bound
        self._work: Path | None = None

    def __repr__(self) -> str:
        return f"OmopCohort({self._place.label!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_place": at.without_secret(self._place), "_bound": None}

    def inputs(self) -> tuple[Input, ...]:
        """The files with their hashes; of a server, what it says of its tables."""
        from caveat.adapters.omop.fingerprint import server

        place = self._place
        if place.server is not None:
            return (server(place),)
        files = (
            [place.file] if place.file is not None else [one for _, several in place.files for one in several]
        )
        return tuple(_input(file) for file in files)

    def prepare(self, work: Path, say: Callable[[str], None]) -> None:
        """Writes the stage below `work`, once: a stage that is there is kept."""
        folder = work / "omop"
        self._work = folder
        if not self._is_ready():
            stage.write(self._place, folder, say, self._bound)

    def _is_ready(self) -> bool:
        assert self._work is not None
        if not (self._work / stage.FILE).is_file():
            return False
        try:
            found = json.loads((self._work / stage.ABOUT).read_text("utf-8"))
        except (OSError, ValueError):
            return False
        stamp = stage.stamp(self._place, self._bound)
        return all(found.get(name) == value for name, value in stamp.items())

    def parts(self) -> int:
        """How many parts there are, at least one."""
        opened = self._open()
        try:
            return int(opened.parts())
        finally:
            opened.close()

    def read(self, part: int) -> Iterator[Chunk]:
        """The patients of a part in the order of their ids."""
        opened = self._open()
        try:
            yield from opened.read(part)
        finally:
            opened.close()

    def about(self) -> dict[str, Any]:
        """Counts, unmapped shares, and `warnings` in words; see docs/omop.md."""
        found: dict[str, Any] = json.loads((self._folder() / stage.ABOUT).read_text("utf-8"))
        return found

    def _open(self) -> Any:
        from caveat.adapters.omop.part import Stage

        return Stage(self._folder(), self.about())

    def _folder(self) -> Path:
        if self._work is None:
            raise RuntimeError("call prepare before parts, read and about")
        return self._work


def _input(file: Path) -> Input:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
        return Input(str(file), file.stat().st_size, digest.hexdigest())
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", code="file", source=str(file)
        ) from None


def person(path: str | Path, person_id: int) -> Patient:
    """One person of the database, read as a cohort reads it. InputError when the person is not there."""
    from tempfile import TemporaryDirectory

    from caveat.adapters.omop.part import Stage
    from caveat.columns.records import to_patient

    place = at.place(path)
    with TemporaryDirectory(prefix="caveat-omop-") as folder:
        work = Path(folder)
        stage.write(place, work, lambda _: None, only=person_id)
        opened = Stage(work, json.loads((work / stage.ABOUT).read_text("utf-8")))
        try:
            number = opened.find(person_id)
            if number is None:
                raise InputError(
                    "there is no such person",
                    code="person-missing",
                    source=place.label,
                    path="person.person_id",
                    value=str(person_id),
                )
            return to_patient(opened.batch(number, number), 0)
        finally:
            opened.close()
