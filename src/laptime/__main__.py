"""Where `laptime` and `python -m laptime` begin: a Ctrl-C ends even the imports without a traceback."""

from __future__ import annotations

import sys


def main() -> None:
    """Import the commands and run the one that was asked for."""
    try:
        from laptime.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
