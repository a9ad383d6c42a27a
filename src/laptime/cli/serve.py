"""`laptime serve`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from laptime.cli.group import FolderPath
from laptime.errors import UserError
from laptime.options.commands import LANGUAGES
from laptime.options.flags import OnceCommand
from laptime.report.quantities import Lang


@click.command("serve", cls=OnceCommand)
@click.argument("folder", metavar="[DIR]", type=FolderPath(), required=False, default=Path())
@click.option("--port", type=int, metavar="N", help="Port to listen at [8765, else a free one].")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Address to listen at [127.0.0.1].")
@click.option("--expose", is_flag=True, help="Let other machines in that reach --host and know the token.")
@click.option(
    "--behind",
    metavar="NAME",
    multiple=True,
    help="Host name of a proxy that hands requests on, as *.x.org for all below it (repeatable).",
)
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", help="Language of the page [en].")
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
def serve_command(
    folder: Path, port: int | None, host: str, expose: bool, behind: tuple[str, ...], lang: Lang, opens: bool
) -> None:
    """Show races in a browser while they run; start and ask them.

    DIR is a comparison or a folder with comparisons in it [the present folder]. The page has a random token
    in its address and is reached from this machine alone. It starts fresh processes and trains nothing
    itself: a race that it has started goes on when it ends.

    \b
    Examples:
      laptime serve laptime-comparison --open
      laptime serve --lang ko --port 9000
    """
    from laptime.live.guard import is_loopback, make_token
    from laptime.live.server import require_ui

    require_ui()
    if not is_loopback(host) and not expose:
        raise UserError(
            f"--host {host}: others could reach it, and start processes in your name; --expose allows that"
        )
    for name in behind:
        if not re.fullmatch(r"(\*\.)?[\w-]+(\.[\w-]+)*", name, re.ASCII):
            raise UserError(f"--behind {name}: no host name; give one as x.org, or *.x.org for all below it")
    from laptime.live.desk import Desk
    from laptime.live.places import Places
    from laptime.live.server import open_socket, serve

    desk, token = Desk(Places(folder), lang), make_token()
    listener = open_socket(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listener.getsockname()[1]}/{token}/"
    serve(desk, token, listener, host, behind, lambda: tell(address, opens))


def tell(address: str, opens: bool) -> None:
    """Say where the page is, and open it where that was asked for."""
    from laptime.report.screen import console

    screen = console(lasting=True)
    screen.say(f"live view: {address}")
    screen.say("Ctrl-C ends the page; a race that it has started goes on.")
    if opens:
        import threading
        import webbrowser

        threading.Timer(0.5, webbrowser.open, [address]).start()  # once the server listens


def command() -> click.Command:
    """Return the command."""
    return serve_command
