"""The command line: one file a command. A command reads its arguments, calls the lifecycle and shows what came of it."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the ``vigie`` program. Exit code 0: done; 1: an error that was explained; 2: wrong usage."""
    from vigie.cli.program import program
    from vigie.cli.screen import show_error
    from vigie.errors import VigieError

    try:
        program()
    except VigieError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone: nothing is left to say
        sys.exit(0)
