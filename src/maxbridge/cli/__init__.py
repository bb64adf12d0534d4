"""The command line: one file per verb; this one gathers them and turns errors into sentences."""

from __future__ import annotations

import io
import sys

import click

from maxbridge import __version__
from maxbridge.cli.demo import demo
from maxbridge.cli.queue import queue
from maxbridge.cli.run import run
from maxbridge.cli.status import status
from maxbridge.core.errors import ExitCode, UserError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", message="maxbridge %(version)s")
def cli() -> None:
    """Join the messenger MAX with the help desk FreeScout; nothing has to be reachable from outside.

    Start with: maxbridge demo
    """


cli.add_command(run)
cli.add_command(status)
cli.add_command(queue)
cli.add_command(demo)


def main() -> None:
    """Entry point of the ``maxbridge`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except UserError as error:
        complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(ExitCode.OK)
    sys.exit(code if isinstance(code, int) else ExitCode.OK)


def complain(error: UserError) -> None:
    """Print what is wrong and what to do, one line each, without a traceback."""
    if len(error.problems) == 1:
        click.echo(f"maxbridge: {error.problems[0]}", err=True)
        return
    click.echo("maxbridge cannot go on:", err=True)
    for problem in error.problems:
        click.echo(f"  {problem}", err=True)
