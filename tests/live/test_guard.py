"""Who is let in: known names, the token, JSON alone; and what every answer says to a browser."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from laptime.live.guard import Guard, is_loopback, make_token, read_host

TOKEN = "t" * 32


def ask(
    guard: Guard, path: str = f"/{TOKEN}/", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str]]:
    """Return status and headers of an answer."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    given = {"host": "127.0.0.1:8765"} | {name.replace("_", "-"): value for name, value in headers.items()}
    pairs = [(name.encode(), value.encode()) for name, value in given.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": pairs}
    with suppress(StopIteration):  # nothing is waited for; a browser's tests leave a loop that runs
        guard(scope, receive, send).send(None)  # type: ignore[attr-defined]
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told


async def let_in(scope: Any, receive: Any, send: Any) -> None:
    """Answer whatever comes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"in"})


GUARD = Guard(let_in, TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "LOCALHOST:8765", "[::1]:8765"])
def test_loopback_is_let_in(host: str) -> None:
    status, headers = ask(GUARD, host=host)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["referrer-policy"] == "no-referrer" and headers["x-content-type-options"] == "nosniff"
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize(
    "host", ["evil.org", "127.0.0.1.evil.org", "localhost.evil.org:8765", "", "192.168.0.2", "[::2]"]
)
def test_other_names_are_refused(host: str) -> None:
    assert ask(GUARD, host=host)[0] == 421


@pytest.mark.parametrize(
    "path", ["/", "", f"/{TOKEN[:-1]}/", f"/{TOKEN}x/", "/live.js", "//", f"/x/{TOKEN}/"]
)
def test_nothing_is_served_without_the_token(path: str) -> None:
    status, headers = ask(GUARD, path)
    assert status == 403 and "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json", "content_length": "2"}, 200),
        ({"content_type": "application/json; charset=utf-8", "content_length": "2"}, 200),
        ({"content_type": "text/plain", "content_length": "2"}, 415),
        ({"content_type": "application/x-www-form-urlencoded", "content_length": "2"}, 415),
        ({"content_length": "2"}, 415),
        ({"content_type": "application/json"}, 413),
        ({"content_type": "application/json", "content_length": "9999999"}, 413),
        ({"content_type": "application/json", "content_length": "-1"}, 413),
    ],
)
def test_what_another_page_can_send_without_asking_is_refused(headers: dict[str, str], status: int) -> None:
    assert ask(GUARD, method="POST", **headers)[0] == status
    assert ask(GUARD, method="OPTIONS")[0] == 405, "so no browser is told that it may send more"


def test_a_proxy_is_named() -> None:
    guard = Guard(let_in, TOKEN, ["*.x.org", "y.net"])
    for host, status in (
        ("a.x.org", 200),
        ("x.org", 421),
        ("evilx.org", 421),
        ("y.net:80", 200),
        ("z.y.net", 421),
    ):
        assert ask(guard, host=host)[0] == status, host
    policy = ask(guard)[1]["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://*.x.org https://y.net")


def test_an_exposed_view_is_asked_by_address() -> None:
    guard = Guard(let_in, TOKEN, ["0.0.0.0"], is_exposed=True)
    assert [ask(guard, host=host)[0] for host in ("10.0.0.7:8765", "[fe80::1]", "evil.org")] == [
        200,
        200,
        421,
    ]


def test_names_of_hosts() -> None:
    assert [read_host(one) for one in ("a:1", "[::1]:2", "A", "[::1]")] == ["a", "::1", "a", "::1"]
    assert [is_loopback(one) for one in ("127.0.0.9", "::1", "localhost", "0.0.0.0", "evil")] == [
        True, True, True, False, False,
    ]  # fmt: skip
    assert len(make_token()) >= 32 and make_token() != make_token()
