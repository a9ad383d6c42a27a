"""Groups of commands, and what their words may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from laptime.errors import UserError, check_path, suggest
from laptime.options.flags import OnceCommand


class FolderPath(click.ParamType):
    """A folder named by its place among the words; raises UserError for a name that cannot be shown."""

    name = "folder"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Return the path."""
        check_path(str(value), str(param.metavar if param else self.name))
        return Path(value)


class Commands(click.Group):
    """The group of commands; an unknown one gets the nearest name suggested."""

    command_class = OnceCommand

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UserError(f"no command '{args[0]}'{suggest(args[0], self.commands)}")
        return super().resolve_command(ctx, args)
