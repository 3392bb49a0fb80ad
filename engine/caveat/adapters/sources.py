"""Files, folders and standard input as streams of bytes: found, unpacked, and turned into UTF-8."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from caveat.adapters.reject import Reject
from caveat.errors import InputError

HEAD: Final = 65_536
LARGEST: Final = 1 << 30
"""Bytes of one JSON document, unpacked; more is refused, as are NDJSON lines longer than this."""

GZIP: Final = b"\x1f\x8b"
_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Kinds of file told by their first bytes: what they are, and how to go on. None: they hold no records.
_MAGIC: Final[tuple[tuple[bytes, str, str | None], ...]] = (
    (b"PK\x03\x04", "a ZIP archive", "Unpack it first"),
    (b"PAR1", "a Parquet file", "Screen it with --out, or export it as CSV or NDJSON"),
    (b"PARE", "an encrypted Parquet file", "Write it without encryption, and screen it with --out"),
    (b"SQLite format 3\x00", "an SQLite database", "Export its records as NDJSON or CSV"),
    (b"BZh", "a bzip2 file", "Unpack it first"),
    (b"\xfd7zXZ", "an xz file", "Unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "Unpack it first"),
    (b"%PDF", "a PDF", None),
    (b"\x89PNG", "an image", None),
    (b"\xff\xd8\xff", "an image", None),
    (b"GIF8", "an image", None),
)


@dataclass(frozen=True, slots=True)
class Source:
    """One file, or standard input with its bytes. `group` names what was asked for on the call.

    `found` says that a walk through a folder came upon it, so that it may be something else than
    a record.
    """

    label: str
    path: Path | None
    group: str
    found: bool = False
    data: bytes | None = None

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The unpacked bytes. Raises InputError when the file cannot be opened."""
        with ExitStack() as opened:
            try:
                raw: IO[bytes] = io.BytesIO(self.data or b"") if self.path is None else self.path.open("rb")
                opened.enter_context(raw)
                packed = raw.read(2) == GZIP
                raw.seek(0)
            except (OSError, ValueError) as error:
                raise unreadable(self.label, error) from None
            if packed:
                yield cast("IO[bytes]", opened.enter_context(gzip.GzipFile(fileobj=raw)))
            else:
                yield raw


def unreadable(label: str, error: BaseException) -> InputError:
    """The InputError for a file that the system or the unpacker refuses."""
    if isinstance(error, FileNotFoundError):
        return InputError(
            "there is no such file or folder",
            code="not-found",
            source=label,
            hint="Check the spelling of the path",
        )
    if isinstance(error, PermissionError):
        return InputError(
            "it may not be read", code="permission", source=label, hint="Give yourself the right to read it"
        )
    if isinstance(error, EOFError):
        return InputError(
            "the gzip data end too early", code="truncated", source=label, hint="Fetch the file again"
        )
    if isinstance(error, (gzip.BadGzipFile, zlib.error)):
        return InputError("the gzip data are damaged", code="gzip", source=label, hint="Fetch the file again")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputError(f"it cannot be read: {reason}", code="unreadable", source=label)


DAMAGE: Final = (OSError, EOFError, zlib.error)


def expand(paths: Sequence[Path | str]) -> Iterator[Source | Reject]:
    """Every file of the paths in order: a folder's sorted by name, each file once; `-` is standard input."""
    seen: set[tuple[int, int]] = set()
    for given in paths:
        if str(given) == "-":
            yield Source("<stdin>", None, "", data=sys.stdin.buffer.read())
            continue
        path = Path(given)
        try:
            is_folder = path.is_dir()
            path.stat()
        except (OSError, ValueError) as error:
            problem = unreadable(str(given), error)
            yield _rejected(problem)
            continue
        if not is_folder:
            if _first_time(path, seen):
                yield Source(str(path), path, "")
            continue
        count = 0
        for file in _walk(path, seen):
            count += isinstance(file, Source)
            yield file
        if not count:
            yield Reject(
                str(path),
                "no-records",
                "a folder without any file",
                hint="Name the folder that holds the records",
            )


def _rejected(problem: InputError) -> Reject:
    return Reject(problem.source, problem.code, problem.message, hint=problem.hint)


def _first_time(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether the file or folder was not met before under any name; links may lead in circles."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return True
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _walk(top: Path, seen: set[tuple[int, int]]) -> Iterator[Source | Reject]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        if not _first_time(folder, seen):
            continue
        try:
            entries = sorted(folder.iterdir(), key=lambda p: p.name)
        except OSError as error:
            yield _rejected(unreadable(str(folder), error))
            continue
        folders: list[Path] = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    folders.append(entry)
                    continue
                if not entry.exists():
                    yield Reject(
                        str(entry), "not-found", "a link that leads nowhere", hint="Mend or remove the link"
                    )
                    continue
                regular = entry.is_file()
            except OSError as error:
                yield _rejected(unreadable(str(entry), error))
                continue
            if regular and _first_time(entry, seen):
                yield Source(str(entry), entry, str(top), found=True)
        waiting.extend(reversed(folders))


def start(stream: IO[bytes]) -> tuple[bytes, IO[bytes]]:
    """The first bytes in UTF-8 without a byte order mark, and the stream from its beginning likewise."""
    head, damage = _first(stream)
    if damage is not None:
        stream = cast("IO[bytes]", _Broken(damage))
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return _transcoded(head + _rest(stream), encoding)
    if b"\x00" in head[:64] and len(head) > 3 and (head[1] == 0) != (head[0] == 0):
        return _transcoded(head + _rest(stream), "utf-16-le" if head[1] == 0 else "utf-16-be")
    if head.startswith(codecs.BOM_UTF8):
        head = head[3:]
    return head, _Joined(head, stream)  # type: ignore[return-value]


def _first(stream: IO[bytes]) -> tuple[bytes, BaseException | None]:
    """The first bytes, and why there are no more where the file is damaged behind them."""
    found = b""
    while len(found) < HEAD:
        try:
            piece = stream.read1(HEAD - len(found)) if hasattr(stream, "read1") else stream.read(HEAD)
        except DAMAGE as error:
            if not found:
                raise
            return found, error
        if not piece:
            break
        found += piece
    return found, None


class _Broken(io.RawIOBase):
    """The rest of a file that is damaged: whoever goes on to read is told."""

    def __init__(self, damage: BaseException) -> None:
        self._damage = damage

    def read(self, size: int = -1) -> bytes:
        raise self._damage

    def readline(self, size: int | None = -1) -> bytes:
        raise self._damage


def _rest(stream: IO[bytes]) -> bytes:
    rest = stream.read(LARGEST)
    if len(rest) == LARGEST:
        raise InputError(
            "the file is larger than 1 GiB", code="too-large", hint="Split it, or write it as NDJSON"
        )
    return rest


def _transcoded(data: bytes, encoding: str) -> tuple[bytes, IO[bytes]]:
    try:
        text = data.decode(encoding).encode("utf-8")
    except UnicodeError as error:
        raise InputError(
            f"the text is not {encoding.upper()}, as its first bytes say: {error.__class__.__name__}",
            code="encoding",
            hint="Save it as UTF-8 and read it again",
        ) from None
    return text[:HEAD], io.BytesIO(text)


class _Joined(io.RawIOBase):
    """Bytes already read, followed by the rest of their stream."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        first = self._head.read(size)
        if size >= 0 and len(first) == size:
            return first
        return first + self._rest.read(size if size < 0 else size - len(first))

    def readline(self, size: int | None = -1) -> bytes:
        limit = -1 if size is None else size
        line = self._head.readline(limit)
        if line.endswith(b"\n") or (limit >= 0 and len(line) >= limit):
            return line
        return line + self._rest.readline(limit if limit < 0 else limit - len(line))


def other_kind(head: bytes) -> tuple[str, str | None] | None:
    """What a file that holds no text is, and how to go on; None for text."""
    for magic, name, hint in _MAGIC:
        if head.startswith(magic):
            return name, hint
    return None
