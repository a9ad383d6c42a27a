"""The server of the live view: routes to the desk, and a stream of events to every tab that is open."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from laptime.errors import UserError
from laptime.live.desk import DUTY, Desk
from laptime.live.form import Form
from laptime.live.guard import App, Guard, is_loopback, write_report_policy
from laptime.live.page_text import render_page
from laptime.report.page import HTML_NAME

PORT = 8765
LEAST_SECONDS = 1.0  # between two events
QUIET_SECONDS = 15.0  # after which a comment keeps the connection
MOST_REPORT_BYTES = 1 << 26
FILES = {"live.js": "text/javascript; charset=utf-8", "live.css": "text/css; charset=utf-8"}


class Question(msgspec.Struct, forbid_unknown_fields=True):
    """What the box sends."""

    question: str


def require_ui() -> None:
    """Raise UserError where the libraries of the extra are absent."""
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise UserError(f"serve: {' and '.join(missing)} {are} not installed; pip install 'laptime[ui]'")


def read_page_file(name: str) -> str:
    """Return one of the files in page/, the style sheet behind those of the report."""
    from laptime.report.style import read_template

    text = (resources.files("laptime.live") / "page" / name).read_text(encoding="utf-8")
    if name.endswith(".css"):
        return read_template("chart.css") + read_template("page.css") + text
    return text


def make_app(desk: Desk, token: str, names: Sequence[str] = (), is_exposed: bool = False) -> App:
    """Return the ASGI application: everything lies below the token."""
    from starlette.applications import Starlette
    from starlette.responses import HTMLResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route

    async def show_page(request: Any) -> Response:
        return HTMLResponse(render_page(desk))

    async def give_file(request: Any) -> Response:
        name = request.path_params["file"]
        if name not in FILES:
            return Response("no such file\n", 404, media_type="text/plain")
        return Response(read_page_file(name), media_type=FILES[name])

    async def give_state(request: Any) -> Response:
        return _json(await asyncio.to_thread(desk.look, request.query_params.get("race", "")))

    async def give_events(request: Any) -> Response:
        events = stream_events(partial(desk.look, request.query_params.get("race", "")))
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def give_report(request: Any) -> Response:
        path = await asyncio.to_thread(find_report, desk, request.path_params["name"])
        if path is None:
            return Response("no report\n", 404, media_type="text/plain")
        content = await asyncio.to_thread(path.read_bytes)
        return HTMLResponse(content, headers={"content-security-policy": write_report_policy()})

    def of_form(work: Callable[[Form], dict[str, Any]]) -> Callable[[Any], Any]:
        async def answer(request: Any) -> Response:
            return await _answer(work, await request.body(), Form)

        return answer

    def of_race(work: Callable[[str], dict[str, Any]]) -> Callable[[Any], Any]:
        async def answer(request: Any) -> Response:
            name = request.path_params["name"]
            return await _answer(lambda _: work(name), b"{}", dict)

        return answer

    async def ask(request: Any) -> Response:
        name = request.path_params["name"]
        return await _answer(lambda one: desk.ask(name, one.question), await request.body(), Question)

    posts = {"command": desk.spell, "preview": desk.preview, "plan": desk.plan, "start": desk.start}
    routes: list[Any] = [
        Route("/", show_page),
        Route("/state", give_state),
        Route("/events", give_events),
        Route("/races/{name}/report.html", give_report),
        Route("/races/{name}/stop", of_race(desk.stop), methods=["POST"]),
        Route("/races/{name}/go-on", of_race(desk.go_on), methods=["POST"]),
        Route("/races/{name}/ask", ask, methods=["POST"]),
        *(Route(f"/{name}", of_form(work), methods=["POST"]) for name, work in posts.items()),
        Route("/{file}", give_file),
    ]
    app: Any = Starlette(routes=[Mount(f"/{token}", routes=routes)])
    return Guard(app, token, names, is_exposed)


async def stream_events(look: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
    """Yield what is to be shown whenever it has changed, at most once a second."""
    shown, quiet = b"", 0.0
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        told = msgspec.json.encode(await asyncio.to_thread(look))
        pause = max(LEAST_SECONDS, DUTY * (loop.time() - begun))
        quiet += pause
        if told != shown:
            shown, quiet = told, 0.0
            yield b"data: " + told + b"\n\n"
        elif quiet >= QUIET_SECONDS:
            quiet = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(pause)


def find_report(desk: Desk, name: str) -> Path | None:
    """Return the report of a race, None where there is none to show."""
    folder = desk.places.find(name)
    path = folder / HTML_NAME if folder else None
    if path is None or path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_REPORT_BYTES:
        return None
    return path


async def _answer(work: Callable[[Any], dict[str, Any]], body: bytes, kind: Any) -> Any:
    """Do what was asked for in a thread; what a user did wrong is a line, with status 400."""
    try:
        asked = msgspec.json.decode(body, type=kind)
        return _json(await asyncio.to_thread(work, asked))
    except UserError as error:
        return _json({"error": str(error)}, 400)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return _json({"error": f"not understood: {error}"}, 400)
    except OSError as error:
        return _json({"error": f"{error.filename or 'laptime'}: {error.strerror or error}"}, 500)


def _json(value: Any, status: int = 200) -> Any:
    from starlette.responses import Response

    return Response(msgspec.json.encode(value), status, media_type="application/json")


def open_socket(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens; without `port` at the usual one, or at a free one where that is taken.

    Raises UserError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    refusal = ""
    for number in [port] if port is not None else [PORT, 0]:
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, number))
            made.listen()
        except OSError as error:
            made.close()
            refusal = error.strerror or str(error)
        except OverflowError:
            made.close()
            refusal = "give 1 to 65535"
        else:
            return made
    place = f"--port {port}" if port is not None else f"--host {host}"
    raise UserError(f"{place}: cannot be listened at ({refusal}); give another one")


def serve(
    desk: Desk,
    token: str,
    listener: socket.socket,
    host: str,
    names: Sequence[str],
    on_ready: Callable[[], None],
) -> None:
    """Serve until a signal comes; `on_ready` is called when the page can be opened."""
    import uvicorn

    given = names if is_loopback(host) else [host, *names]
    app = make_app(desk, token, given, is_exposed=not is_loopback(host))
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
        ws="none",
    )
    try:
        on_ready()
        with contextlib.suppress(asyncio.CancelledError):
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        desk.close()
        listener.close()
