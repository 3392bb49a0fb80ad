"""An https server of a few lines for tests, its own certificate authority, and a client to ask it with."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from caveat.service.config import Fetching, Server
from caveat.service.fetch.client import Fetcher

NAME = "ehr.test"
FHIR = "application/fhir+json"


@dataclass
class Reply:
    """One answer; `pause` seconds go by before it and `drip` before each of its chunks."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": FHIR})
    pause: float = 0.0
    drip: float = 0.0
    chunks: int = 1
    length: int | None = None
    cut: bool = False


@dataclass
class Web:
    """Answers by target (path and query) and everything that was asked, with its headers."""

    replies: dict[str, Reply] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    @property
    def base(self) -> str:
        return f"https://{NAME}:{self.port}/fhir"

    def put(self, target: str, body: Any = None, **fields: Any) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.replies[f"/fhir/{target}".rstrip("/")] = Reply(raw, **fields)

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        target = head[0].split(" ")[1]
        self.seen.append((target, {k.lower(): v for k, _, v in (h.partition(": ") for h in head[1:] if h)}))
        reply = self.replies.get(target, Reply(b'{"resourceType":"OperationOutcome"}', 404))
        await asyncio.sleep(reply.pause)
        length = len(reply.body) * reply.chunks if reply.length is None else reply.length
        headers = {"Content-Length": str(length), **reply.headers}
        if "Transfer-Encoding" in headers:
            del headers["Content-Length"]
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} Said\r\n{lines}\r\n".encode("latin-1"))
        for _ in range(reply.chunks):
            await asyncio.sleep(reply.drip)
            writer.write(reply.body)
            await writer.drain()
        return not reply.cut


@lru_cache(maxsize=1)
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext, ssl.SSLContext]:
    """For the server, for a client that trusts it, and for a server with another name's certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = dt.datetime.now(dt.UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def signed(name: str, key: Any, issuer: str, by: Any, names: Sequence[str], ca: bool) -> x509.Certificate:
        built = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False
            )
            .add_extension(
                x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True
            )
        )
        if names:
            built = built.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
            )
        return built.sign(by, hashes.SHA256())

    root_key, keys = ec.generate_private_key(ec.SECP256R1()), [ec.generate_private_key(ec.SECP256R1())] * 2
    root = signed("test root", root_key, "test root", root_key, (), True)
    servers = []
    with TemporaryDirectory() as folder:
        for number, (key, name) in enumerate(zip(keys, (NAME, "other.test"), strict=True)):
            file = Path(folder) / f"{number}.pem"
            certificate = signed(name, key, "test root", root_key, (name,), False)
            file.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
                + certificate.public_bytes(serialization.Encoding.PEM)
            )
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file)
            servers.append(context)
    client = ssl.create_default_context(cadata=root.public_bytes(serialization.Encoding.PEM).decode())
    return servers[0], client, servers[1]


@asynccontextmanager
async def serving(web: Web, *, context: ssl.SSLContext | None = None, plain: bool = False) -> Any:
    """The server on a free port of 127.0.0.1."""
    server = await asyncio.start_server(web, "127.0.0.1", 0, ssl=None if plain else context or contexts()[0])
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()


async def here(host: str, port: int) -> list[str]:
    """Every name is this machine."""
    return ["127.0.0.1"]


def client(web: Web, *, private: bool = True, resolver: Any = here, base: str = "", **limits: Any) -> Fetcher:
    """A fetcher that may ask the server, and trusts its authority."""
    limits.setdefault("milliseconds", 3000)
    servers = (Server(base=base or web.base, private=private),)
    return Fetcher(Fetching(servers=servers, **limits), ssl_context=contexts()[1], resolver=resolver)


def run(web: Web, ask: Callable[[Web], Awaitable[Any]], **how: Any) -> Any:
    """What `ask` gives while the server is up."""

    async def whole() -> Any:
        async with serving(web, **how):
            return await ask(web)

    return asyncio.run(whole())


def bundle(*resources: Mapping[str, Any], following: str | None = None, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": one} for one in resources],
        **fields,
    }
    if following is not None:
        found["link"] = [{"relation": "next", "url": following}]
    return found
