"""Media types: what a body says it is, and the form a caller accepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from caveat.service.problems import Fault, Refused

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
FHIR: Final = "application/fhir+json"
DOCUMENTS: Final = (JSON, FHIR)
STREAMS: Final = (LINES, "application/ndjson")
_LONGEST: Final = 1_000


def media_type(header: str | None) -> str:
    """The bare media type of a Content-Type, in lower case; empty where there is none.

    Raises Refused (415) for a charset other than UTF-8: the bytes would be read wrongly.
    """
    kind, *parameters = (header or "").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8", "us-ascii"):
            raise Refused(
                415,
                "the charset is not UTF-8",
                (Fault("charset", "JSON is exchanged in UTF-8 only", "Content-Type", hint="Send UTF-8"),),
            )
    return kind.strip()


def received(header: str | None, allowed: tuple[str, ...]) -> str:
    """The media type of a body. Raises Refused (415) for one that is not among `allowed`."""
    kind = media_type(header)
    if kind in allowed:
        return kind
    found = f"{kind[:60]!r} is not read here" if kind else "the body has no Content-Type"
    listed = ", ".join(allowed)
    raise Refused(
        415,
        "this media type is not read",
        (Fault("media-type", found, "Content-Type", hint=f"Send one of: {listed}"),),
        (("Accept", listed),),
    )


@dataclass(frozen=True, slots=True)
class _Range:
    main: str
    sub: str
    quality: float

    def fits(self, offer: str) -> int:
        """How exactly the range names an offer: 0 not at all, 3 by its full name."""
        main, _, sub = offer.partition("/")
        if self.main == self.sub == "*":
            return 1
        if self.main == main and self.sub == "*":
            return 2
        return 3 if (self.main, self.sub) == (main, sub) else 0


def chosen(header: str | None, offers: tuple[str, ...]) -> str:
    """The offer that an Accept header prefers, the first of equals; the first offer without a header.

    Raises Refused (406) where none is acceptable.
    """
    if header is None or not header.strip():
        return offers[0]
    ranges = _ranges(header)
    best, quality = "", 0.0
    for offer in offers:
        named = max(((one.fits(offer), one.quality) for one in ranges), default=(0, 0.0))
        if named[0] and named[1] > quality:
            best, quality = offer, named[1]
    if best:
        return best
    listed = ", ".join(offers)
    raise Refused(
        406,
        "no form that is accepted can be given",
        (
            Fault(
                "accept", "what Accept names cannot be given here", "Accept", hint=f"Accept one of: {listed}"
            ),
        ),
    )


def _ranges(header: str) -> list[_Range]:
    found = []
    for part in header[:_LONGEST].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        main, slash, sub = name.partition("/")
        if not slash or not main or not sub:
            continue
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = _quality(parameter[2:])
        found.append(_Range(main, sub, quality))
    return found


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0
