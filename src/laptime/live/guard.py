"""Who may ask the live view: those who know the token, under a name of this machine, and no other page.

A page of somewhere else can make a browser send requests here, under a name that it lets lead to this machine
even read them; it knows neither the token nor can it choose what Host says.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from laptime.report.page import SCRIPT, name_source
from laptime.report.style import read_template

LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOKEN_BYTES = 24
MOST_BYTES = 1 << 20  # of what a page sends
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
)
# A report is a page of its own, which may come from anywhere: it is of no origin here, reaches nothing, and
# runs no script but the one that reports have.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src {script}; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'"
)

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def write_report_policy() -> str:
    """Return what a browser may do with a report."""
    return REPORT_POLICY.format(script=name_source(read_template(SCRIPT)))


def make_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_host(header: str) -> str:
    """Return the name that a Host header holds, without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.rpartition(":")[0].lower() if ":" in header else header.lower()


class Guard:
    """Refuses requests under foreign names and without the token; adds what every answer says.

    `names` are further names of Host: of the address that is listened at, and of proxies, "*.x.org" all below
    x.org. Where others than this machine may reach it (`is_exposed`), an address in digits will do too.
    """

    def __init__(self, app: App, token: str, names: Sequence[str] = (), is_exposed: bool = False) -> None:
        self.app, self.token, self.is_exposed = app, token, is_exposed
        self.names = [name.lower() for name in (*LOOPBACK, *names)]
        origins = [f"https://{name}" for name in names if not _is_address(name)]
        self.policy = POLICY.format(ancestors=" ".join(["'self'", *origins]))

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if refusal := self._refuse(scope, headers):
            await _answer(send, *refusal)
            return
        await self.app(scope, receive, self._with_headers(send))

    def _refuse(self, scope: Message, headers: dict[str, str]) -> tuple[int, str] | None:
        """Return status and line of a refusal."""
        if not self.knows(read_host(headers.get("host", ""))):
            return 421, "not a name of this live view"
        token = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return 403, "open the address that laptime serve has printed, with its token"
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "not done here"
        if scope["method"] == "POST":
            if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                return 415, "JSON alone"
            if not headers.get("content-length", "").isdigit() or int(headers["content-length"]) > MOST_BYTES:
                return 413, "too long"
        return None

    def knows(self, host: str) -> bool:
        """Tell whether requests under a name are meant for this live view."""
        if any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in self.names):
            return True
        return self.is_exposed and _is_address(host)

    def _with_headers(self, send: Send) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                own = common_headers(self.policy)
                message["headers"] = [*message["headers"], *(one for one in own if one[0] not in given)]
            await send(message)

        return send_with_headers


def common_headers(policy: str) -> list[tuple[bytes, bytes]]:
    """Return what every answer says to a browser."""
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _answer(send: Send, status: int, line: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *common_headers("default-src 'none'")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{line}\n".encode()})
