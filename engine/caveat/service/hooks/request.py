"""The body of a CDS Hooks call, read strictly; every fault at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, cast

import msgspec

from caveat.errors import shorten
from caveat.service.hooks.body import BOM, decoded, is_null, is_object, loads, repeated, repeated_within
from caveat.service.hooks.faults import Faults, kind

Hook = Literal["patient-view", "order-select", "order-sign"]
HOOKS: Final[tuple[Hook, ...]] = ("patient-view", "order-select", "order-sign")
SERVICE: Final = "caveat"
"""The one service id, so that a client replaces the cards of an earlier hook."""

UUID: Final = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
PATIENT: Final = r"^(?:(?:\S+/)?Patient/)?(?!\.+$)[A-Za-z0-9\-._]{1,128}$"
URL: Final = (
    r"^[Hh][Tt][Tt][Pp][Ss]?://(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!-~]*)?$"
)
TOKEN: Final = "^[!-~]+$"
LONGEST_URL: Final = 2048
_UUID: Final = re.compile(UUID)
_PATIENT: Final = re.compile(PATIENT)
_URL: Final = re.compile(URL)
_TOKEN: Final = re.compile(TOKEN)


class Token:
    """An access token of the caller's FHIR server: handed on, never shown, stored or compared."""

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def reveal(self) -> str:
        """The token itself, for the one header it belongs in."""
        return self._secret

    def __repr__(self) -> str:
        return "Token(hidden)"

    def __reduce__(self) -> Any:
        raise TypeError("an access token is not written anywhere")


@dataclass(frozen=True, slots=True)
class Call:
    """A call as sent: `patient` without `Patient/`, `drafts` and the values of `prefetch` as raw JSON.

    `null` among the prefetch says "looked, none there"; a key that is not there was not looked for.
    """

    hook: Hook
    instance: str
    user: str
    patient: str
    encounter: str | None = None
    selections: tuple[str, ...] = ()
    drafts: bytes | None = None
    prefetch: Mapping[str, bytes] = field(default_factory=dict)
    server: str | None = None
    token: Token | None = field(default=None, compare=False)

    def kept(self) -> Call:
        """The call as it is read from `question()`: without server and token, keys in their order."""
        return replace(self, prefetch=dict(sorted(self.prefetch.items())), server=None, token=None)

    def question(self) -> bytes:
        """What is kept of the call: hook, context, prefetch and hookInstance, without any token.

        The same call gives the same bytes: keys in one order, resources as they were sent.
        """
        context: dict[str, Any] = {"patientId": self.patient, "userId": self.user}
        if self.encounter is not None:
            context["encounterId"] = self.encounter
        if self.hook == "order-select":
            context["selections"] = self.selections
        if self.drafts is not None:
            context["draftOrders"] = msgspec.Raw(self.drafts)
        whole: dict[str, Any] = {"hook": self.hook, "hookInstance": self.instance, "context": context}
        if self.prefetch:
            whole["prefetch"] = {key: msgspec.Raw(value) for key, value in sorted(self.prefetch.items())}
        return msgspec.json.encode(whole)


class _Wire(msgspec.Struct, rename="camel"):
    hook: Any = None
    hook_instance: Any = None
    fhir_server: Any = None
    fhir_authorization: Any = None
    context: msgspec.Raw = msgspec.Raw(b"")
    prefetch: msgspec.Raw = msgspec.Raw(b"")


class _Context(msgspec.Struct, rename="camel"):
    user_id: Any = None
    patient_id: Any = None
    encounter_id: Any = None
    selections: Any = None
    draft_orders: msgspec.Raw = msgspec.Raw(b"")


class _Drafts(msgspec.Struct, rename="camel"):
    resource_type: Any = None
    entry: msgspec.Raw = msgspec.Raw(b"")


_WIRE: Final = msgspec.json.Decoder(_Wire)
_CONTEXT: Final = msgspec.json.Decoder(_Context)
_DRAFTS: Final = msgspec.json.Decoder(_Drafts)
_RAWS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
TITLE: Final = "CDS Hooks request"


def read(data: bytes, *, keys: frozenset[str] = frozenset()) -> Call:
    """The call. What the standard does not name is left out; `keys` are those of our prefetch, which
    must hold a resource or null (of other keys anything else is left out).

    Raises Refused with 400 and every fault with its path.
    """
    wire = decoded(data, _WIRE, TITLE)
    faults = Faults()
    hook = faults.text(wire.hook, "$.hook")
    if hook is not None and hook not in HOOKS:
        faults.add("hook", f"this service has no such hook; it has {', '.join(HOOKS)}", "$.hook", hook)
    instance = faults.text(wire.hook_instance, "$.hookInstance")
    if instance is not None and not _UUID.fullmatch(instance):
        faults.add("uuid", "hookInstance must be a UUID", "$.hookInstance", instance)
    server, token = _access(wire, faults)
    _once(repeated(data.removeprefix(BOM)), "$", faults)
    context = _context(bytes(wire.context), hook, faults)
    prefetch = _prefetch(bytes(wire.prefetch), keys, faults)
    faults.refuse(f"this is no {TITLE} that can be answered")
    user, patient, encounter, selections, drafts = context
    return Call(
        cast(Hook, hook),
        (instance or "").lower(),
        user or "",
        patient or "",
        encounter,
        selections,
        drafts,
        prefetch,
        server,
        token,
    )


_Read = tuple[str | None, str | None, str | None, tuple[str, ...], bytes | None]


def _context(raw: bytes, hook: str | None, faults: Faults) -> _Read:
    nothing: _Read = (None, None, None, (), None)
    if not raw or is_null(raw):
        faults.add("missing", "context is required", "$.context")
        return nothing
    if not is_object(raw):
        faults.add("type", f"context must be an object, not {kind(loads(raw))}", "$.context")
        return nothing
    found = _CONTEXT.decode(raw)
    _once(repeated(raw), "$.context", faults)
    user = faults.text(found.user_id, "$.context.userId")
    patient = faults.text(found.patient_id, "$.context.patientId")
    encounter = faults.text(found.encounter_id, "$.context.encounterId", required=False)
    if patient is not None:
        patient = _patient(patient, faults)
    selections: tuple[str, ...] = ()
    drafts: bytes | None = None
    if hook == "order-select":
        selections = _selections(found.selections, faults)
    if hook in ("order-select", "order-sign"):
        drafts = _drafts(bytes(found.draft_orders), faults)
    return user, patient, encounter, selections, drafts


def _patient(value: str, faults: Faults) -> str | None:
    """The bare id of `x`, `Patient/x` or an absolute URL that ends in `Patient/x`."""
    if not _PATIENT.fullmatch(value):
        hint = "Give the id of the Patient, such as 123 or Patient/123"
        faults.add("patient", "patientId must be the id of one Patient", "$.context.patientId", value, hint)
        return None
    return value.rpartition("/")[2]


def _selections(value: Any, faults: Faults) -> tuple[str, ...]:
    path = "$.context.selections"
    if value is None:
        faults.add("missing", "context.selections is required for order-select", path)
        return ()
    if not isinstance(value, list):
        faults.add("type", f"context.selections must be a list, not {kind(value)}", path)
        return ()
    if not value:
        hint = "Name the newly selected orders, such as MedicationRequest/1"
        faults.add("empty", "context.selections must not be empty", path, hint=hint)
    found = [faults.text(one, f"{path}[{number}]") for number, one in enumerate(value)]
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _drafts(raw: bytes, faults: Faults) -> bytes | None:
    path = "$.context.draftOrders"
    if not raw or is_null(raw):
        faults.add("missing", "context.draftOrders is required for this hook", path)
        return None
    if not is_object(raw):
        faults.add("type", f"context.draftOrders must be a Bundle, not {kind(loads(raw))}", path)
        return None
    found = _DRAFTS.decode(raw)
    _once(repeated_within(raw), path, faults)
    if found.resource_type != "Bundle":
        faults.add(
            "type", "context.draftOrders must be a Bundle", f"{path}.resourceType", found.resource_type
        )
        return None
    entries = bytes(found.entry)
    if not entries or is_null(entries):
        return raw
    if entries.lstrip()[:1] != b"[":
        faults.add("type", "entry of a Bundle must be a list", f"{path}.entry")
        return None
    for number, entry in enumerate(_LIST.decode(entries)):
        if not is_object(bytes(entry)):
            what = kind(loads(bytes(entry)))
            faults.add("type", f"an entry must be an object, not {what}", f"{path}.entry[{number}]")
    return raw


def _prefetch(raw: bytes, keys: frozenset[str], faults: Faults) -> dict[str, bytes]:
    path = "$.prefetch"
    if not raw or is_null(raw):
        return {}
    if not is_object(raw):
        faults.add("type", f"prefetch must be an object, not {kind(loads(raw))}", path)
        return {}
    found: dict[str, bytes] = {}
    listed = _RAWS.decode(raw)
    _once(repeated(raw), path, faults)
    for key, value in listed.items():
        held = bytes(value)
        if is_null(held) or is_object(held):
            found[key] = held
        elif key in keys:
            what = kind(loads(held))
            faults.add("type", f"a prefetched value is a resource or null, not {what}", f"{path}.{key}")
    return found


def _once(twice: Iterable[str], path: str, faults: Faults) -> None:
    """A fault for each key that stands twice: the first would be lost."""
    for key in twice:
        name = f"{path}.{shorten(key)}"
        faults.add("duplicate-key", "this key appears twice", name, hint="Send it once")


def _access(wire: _Wire, faults: Faults) -> tuple[str | None, Token | None]:
    """The FHIR server and the token for it. No fault repeats what stood in fhirAuthorization."""
    server = faults.text(wire.fhir_server, "$.fhirServer", required=False)
    if server is not None and (len(server) > LONGEST_URL or not _URL.fullmatch(server)):
        faults.add("url", "fhirServer must be an absolute http or https URL", "$.fhirServer")
        server = None
    granted = wire.fhir_authorization
    if granted is None:
        return server, None
    path = "$.fhirAuthorization"
    if not isinstance(granted, dict):
        faults.add("type", f"fhirAuthorization must be an object, not {kind(granted)}", path)
        return server, None
    if wire.fhir_server is None:
        faults.add("missing", "fhirServer is required with fhirAuthorization", "$.fhirServer")
    sort = granted.get("token_type")
    if not isinstance(sort, str) or sort.lower() != "bearer":
        faults.add("token", "fhirAuthorization.token_type must be Bearer", f"{path}.token_type")
    secret = granted.get("access_token")
    if not isinstance(secret, str) or not secret:
        faults.add("missing", "fhirAuthorization.access_token is required", f"{path}.access_token")
    elif not _TOKEN.fullmatch(secret):
        faults.add("token", "access_token must be one word of plain signs", f"{path}.access_token")
    else:
        return server, Token(secret)
    return server, None
