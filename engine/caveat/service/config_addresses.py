"""The addresses in a configuration: of the service, of web pages, of FHIR servers, of links."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from caveat.errors import InputError
from caveat.rules.diagnostics import Path as Where
from caveat.service.config import Config
from caveat.service.config_parts import Checker
from caveat.service.fetch.addresses import Url, is_loopback_host, parse


def check_addresses(config: Config, to: Checker) -> None:
    """Add what is wrong with each address that is no issuer's."""
    _public_url(config, to)
    _origins(config, to)
    _servers(config, to)
    for key, link in (("url", config.cards.url), ("icon", config.cards.icon)):
        if link is not None and address_of(link.partition("?")[0].partition("#")[0]) is None:
            to.error(
                "S006",
                f"cards.{key} is not an absolute http or https address",
                ("cards", key),
                "Clients cannot follow a relative link.",
            )


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address, can be reached from this machine alone."""
    bare = host.strip("[]").lower()
    if bare == "localhost":
        return True
    try:
        return ip_address(bare).is_loopback
    except ValueError:
        return False


def address_of(text: str) -> SplitResult | None:
    """The parts of an absolute http or https address without user, query and fragment; None for another."""
    try:
        parts = urlsplit(text)
        port_fits = parts.port is None or parts.port >= 0
    except ValueError:
        return None
    fits = parts.scheme in ("http", "https") and bool(parts.hostname) and port_fits
    more = "@" in parts.netloc or "?" in text or "#" in text or not text.isprintable() or " " in text
    return parts if fits and not more else None


def is_safe(parts: SplitResult, config: Config) -> bool:
    """Whether an address is https, or leads to this machine while not in production."""
    if parts.scheme == "https":
        return True
    return not config.production and is_loopback(parts.hostname or "")


def urlsplit_or_none(text: str) -> SplitResult | None:
    """An absolute address that may have a query, as some key sets do."""
    head, _, _ = text.partition("?")
    return address_of(head) if "#" not in text and text.isprintable() else None


def _public_url(config: Config, to: Checker) -> None:
    where: Where = ("public_url",)
    parts = address_of(config.public_url)
    if parts is None:
        to.error(
            "S003",
            "public_url is not an absolute http or https address",
            where,
            "Tokens name the endpoint they are for by it, so it has no user, query or fragment.",
            "Write the address under which clients reach the service, like https://cds.example.org/caveat.",
        )
        return
    if config.production and parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        to.error(
            "S004",
            "public_url is not https",
            where,
            "Patient data would cross the network readable.",
            "Put TLS in front of the service and write the https address.",
        )
    if "/cds-services" in parts.path:
        to.error(
            "S005",
            "public_url holds the path of an endpoint",
            where,
            "/cds-services is added to it, and tokens would be asked for an address twice as long.",
            "Leave /cds-services and what follows it out.",
        )


def _origins(config: Config, to: Checker) -> None:
    for number, origin in enumerate(config.trust.cors_origins):
        parts = address_of(origin)
        if parts is None or parts.path or not is_safe(parts, config):
            to.error(
                "S015",
                "not an origin that may be allowed",
                ("trust", "cors_origins", number),
                f"{origin} is taken as it stands in a browser's Origin header: https, host, no path, no *.",
                "Write it like https://app.example.org.",
            )


def _servers(config: Config, to: Checker) -> None:
    seen: set[Url] = set()
    for number, server in enumerate(config.fetching.servers):
        where: Where = ("fetching", "servers", number, "base")
        try:
            url = parse(server.base)
        except InputError as error:
            to.error("S019", "address of a FHIR server cannot be used", where, f"{error.message}.")
            continue
        if url.query:
            to.error("S019", "address of a FHIR server cannot be used", where, "A base has no query.")
        if url.scheme != "https" and not (config.insecure_dev and server.private and is_loopback_host(url)):
            to.error(
                "S016",
                "FHIR server without https",
                where,
                "Patient data and access tokens would cross the network readable.",
                "Write the https address of the server's base.",
            )
            continue
        if url.base in seen:
            to.error("S017", f"FHIR server {str(url.base)!r} stands twice", where, hint="Keep one of them.")
        seen.add(url.base)
        if not server.private and _is_private(url.host.strip("[]")):
            to.error(
                "S018",
                "FHIR server at a private address",
                where,
                "Private addresses are refused unless the entry allows it, so nothing would be fetched.",
                "Write `private: true` beside it if that server is meant.",
            )


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return is_loopback(host)
