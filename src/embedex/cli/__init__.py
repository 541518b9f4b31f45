"""The command line: parse, one call, print. The only floor that prints or exits.

Nothing heavy is imported until a verb runs, so that `embedex --help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from embedex.errors import EmbedexError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``embedex``; those of this process when None.

    Returns:
        The exit code: 0; 2 for what a person can mend, with a message on standard error; 130 after Ctrl-C.
    """
    from embedex.cli.parser import build_parser

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show ends no command
            stream.reconfigure(errors="replace")
    parser = build_parser()
    parsed = parser.parse_args(arguments)
    if parsed.verb is None:
        parser.print_help()
        return 0
    from embedex.cli.output import say

    try:
        from embedex.cli import verbs

        verbs.VERBS[parsed.verb](parsed)
        sys.stdout.flush()
    except EmbedexError as error:
        say(f"embedex {parsed.verb}: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("\nStopped. What is finished is kept; the same command goes on from there.")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full disk, a folder that may not be written
        say(f"embedex {parsed.verb}: {error}")
        return 2
    return 0
