"""`laptime doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from laptime.errors import UserError, check_path
from laptime.options.flags import OnceCommand


def doctor_command(model: str | None, out: str, device: str, fresh: bool, as_json: bool) -> None:
    """Look at this machine: how fast it is, and what is wrong.

    It says what a training gets of it, and takes some seconds. Speeds are measured once and kept; what is
    free is looked at each time.

    \b
    Examples:
      laptime doctor
      laptime doctor --model meta-llama/Llama-3.2-1B --out /data/races
      laptime doctor --json > machine.json
    """
    from laptime.hardware.processors import Look

    look = Look()  # before torch: what its import does would pass for other work
    for path, option in ((out, "--out"), (model or "", "--model")):
        check_path(path, option)
    from laptime.doctor.shapes import find_shape
    from laptime.report.screen import console

    shape, name = find_shape(model)
    try:
        from laptime.doctor.examination import examine
    except (ImportError, MemoryError) as error:
        line = next(iter(str(error).splitlines()), "")
        raise UserError(f"torch can't be loaded, so nothing can be measured ({line})") from None
    from laptime.doctor.telling import tell

    found = examine(look, shape, name, Path(out), device, fresh)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    screen = console()
    for line in tell(found):
        screen.say(line)


def command() -> click.Command:
    """Return the command."""
    params: list[click.Parameter] = [
        click.Option(
            ["--model"], metavar="TEXT", help="Measure at the shapes of this model [those of Llama-3.2-1B]."
        ),
        click.Option(["--out"], metavar="DIR", default=".", help="Look at the disk of this folder [.]."),
        click.Option(
            ["--device"],
            type=click.Choice(["auto", "cpu", "cuda"]),
            default="auto",
            help="Measure the processor or the GPU [auto].",
        ),
        click.Option(["--fresh"], is_flag=True, help="Measure anew, whatever was measured before."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print all facts as JSON."),
    ]
    return OnceCommand("doctor", callback=doctor_command, params=params, help=doctor_command.__doc__)
