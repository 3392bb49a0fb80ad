"""The one configuration file of a service."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from caveat.rules.expression import Strict

Name = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(gt=0)]


class Issuer(Strict):
    """Who may call. Keys come from a file (`jwks`) or an address (`jku`), never from a token alone.

    With both, the file is used and `jku` is only what a token may name. `tenant`, where it is given,
    is the only one whose tokens are taken.
    """

    iss: Name
    jwks: str | None = None
    jku: str | None = None
    algorithms: tuple[Literal["ES384", "RS384"], ...] = ("ES384", "RS384")
    tenant: str | None = None


class Trust(Strict):
    """JSON Web Tokens and browsers.

    `leeway_seconds` allows for clocks that differ, `longest_seconds` is the longest life of a token.
    `metrics_public` lets `/metrics` be read without a token.
    """

    issuers: tuple[Issuer, ...] = ()
    leeway_seconds: Annotated[int, Field(ge=0, le=60)] = 5
    longest_seconds: Positive = 300
    cors_origins: tuple[str, ...] = ()
    metrics_public: bool = False


class Rules(Strict):
    """The rules to serve: a signed bundle with the keys that may sign it, or a folder (not in production)."""

    bundle: str | None = None
    folder: str | None = None
    keys: tuple[str, ...] = ()
    policy: str | None = None
    overlay: str | None = None


class Server(Strict):
    """A FHIR server that may be asked for what a prefetch lacks."""

    base: Name
    private: bool = False


class Fetching(Strict):
    """How missing prefetch is fetched."""

    servers: tuple[Server, ...] = ()
    milliseconds: Positive = 300
    pages: Positive = 5
    bytes: Positive = 5_000_000


class Limits(Strict):
    """What one call may cost; `concurrency` counts the calls under way in one worker."""

    body_bytes: Positive = 5_000_000
    stream_bytes: Positive = 2_000_000_000
    entries: Positive = 5_000
    depth: Positive = 40
    orders: Positive = 300
    seconds: Annotated[float, Field(gt=0)] = 5.0
    stream_seconds: Annotated[float, Field(gt=0)] = 3600.0
    concurrency: Positive = 64


class Storing(Strict):
    """Where feedback, overrides and audit are kept; `spool` holds the audit while the database is away."""

    url: Name = "sqlite:///caveat.sqlite"
    password_file: str | None = None
    spool: Name = "caveat-spool"
    spool_records: Positive = 10_000
    timeout_seconds: Annotated[float, Field(gt=0)] = 2.0


class Auditing(Strict):
    """`key_file` holds the secret that patients are hashed with; `sealed` inputs can be replayed."""

    key_file: str | None = None
    inputs: Literal["sealed", "none"] = "sealed"


class Cards(Strict):
    """How findings become CDS Hooks cards."""

    label: Name = "caveat"
    url: str | None = None
    icon: str | None = None
    cannot_assess: Literal["cards", "one-card"] = "one-card"
    detected_issue: bool = False
    suppress_repeats: bool = False
    most: Positive = 20


class Logging(Strict):
    """Structured lines on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Strict):
    """Everything a service needs to know, in one file."""

    format: Literal[1] = 1
    public_url: Name = "http://127.0.0.1:8080"
    host: Name = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    production: bool = True
    insecure_dev: bool = False
    time_zone: Name = "UTC"
    state: Name = "caveat-state"
    trust: Trust = Trust()
    rules: Rules = Rules()
    fetching: Fetching = Fetching()
    limits: Limits = Limits()
    store: Storing = Storing()
    audit: Auditing = Auditing()
    cards: Cards = Cards()
    logging: Logging = Logging()
