"""The command line: one module per verb, imported when called; errors become sentences here."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from maxbridge import __version__
from maxbridge.cli import output, spoken
from maxbridge.cli.spoken import Group, SystemTroubleError, fit, refusal
from maxbridge.core.errors import ExitCode, UserError
from maxbridge.paths import is_service_here
from maxbridge.saying import LANGUAGES, later, say

PROGRAM = "maxbridge"
COMMANDS = {
    "init": (
        "maxbridge.cli.init:init",
        "Ask for what is needed, try it, and write the configuration.",
    ),
    "check": (
        "maxbridge.cli.check:check",
        "Try everything that maxbridge depends on, and say what to do.",
    ),
    "run": (
        "maxbridge.cli.run:run",
        "Run the bridge until SIGTERM or SIGINT; SIGHUP reads the settings again.",
    ),
    "status": (
        "maxbridge.cli.status:status",
        "Show the state of the bridge: loops, queues, held items.",
    ),
    "config": (
        "maxbridge.cli.check:config",
        "See the settings in force and their sources.",
    ),
    "queue": ("maxbridge.cli.queue:queue", "See what waits, and decide about held items."),
    "dialogs": (
        "maxbridge.cli.dialogs:dialogs",
        "See which chat has which ticket, and change that.",
    ),
    "backup": (
        "maxbridge.cli.backup:backup",
        "Copy the database into one file and check the copy; the daemon may run.",
    ),
    "restore": (
        "maxbridge.cli.backup:restore",
        "Put a backup in the place of the database; the daemon must be stopped.",
    ),
    "relink": (
        "maxbridge.cli.relink:relink",
        "Find all MAX customers and their tickets in FreeScout again, after the database was lost.",
    ),
    "import": (
        "maxbridge.cli.relink:import_old",
        "Take over the customers of the webhook bridge from its mapping.db.",
    ),
    "demo": (
        "maxbridge.cli.run:demo",
        "Play a short conversation between a customer in MAX and an agent in FreeScout.",
    ),
    "report": (
        "maxbridge.cli.report:report",
        "Write one file for whoever helps you: versions, settings, status, checks, counts, the disk.",
    ),
    "completion": (
        "maxbridge.cli.options:completion",
        "Print the script that makes Tab complete commands, options and ids.",
    ),
}
"""Name of each command: where it is, and what it does; in the order in which people need them."""


ELSEWHERE = {
    "help": "maxbridge --help",
    "version": "maxbridge --version",
    "start": later("systemctl start maxbridge, or maxbridge run in the terminal"),
    "stop": "systemctl stop maxbridge",
    "restart": "systemctl restart maxbridge",
    "reload": "systemctl reload maxbridge",
    "enable": "systemctl enable --now maxbridge",
    "disable": "systemctl disable --now maxbridge",
    "log": "journalctl -u maxbridge",
    "logs": "journalctl -u maxbridge",
    "setup": "maxbridge init",
    "install": "maxbridge init",
    "configure": "maxbridge init",
}
"""What people type because other programs have it."""

_ROOTS = "SSL_CERT_FILE"
"""Where OpenSSL reads the machine's certificates, instead of its own place."""


@contextmanager
def loading() -> Iterator[None]:
    """Speed imports up.

    Garbage collection is paused: loaded modules are no garbage, and looking for some takes a tenth
    of the time. aiohttp reads the machine's certificates twice on import, 17 ms each, for
    connections without a TLS context; each of ours has one (:mod:`maxbridge.files.trust`).
    """
    searches, roots = gc.isenabled(), os.environ.get(_ROOTS)
    gc.disable()
    os.environ[_ROOTS] = os.devnull
    try:
        yield
    finally:
        if roots is None:
            del os.environ[_ROOTS]
        else:
            os.environ[_ROOTS] = roots
        if searches:
            gc.enable()


class LazyGroup(Group):
    """Imports a command when it is called: ``--help``, completion and ``status`` import no other command."""

    elsewhere = ELSEWHERE

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of :data:`COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        with loading():
            command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            SystemTroubleError: An OSError, wrapped: click would end silently where it is a broken pipe.
        """
        try:
            return super().invoke(ctx)
        except OSError as error:
            raise SystemTroubleError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of ``--help``."""
        del ctx
        with formatter.section(say("Commands")):
            formatter.write_dl([(name, words) for name, (_, words) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return names for the shell."""
        names = [
            CompletionItem(name, help=say(words))
            for name, (_, words) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from maxbridge.origin import commit  # noqa: PLC0415 - for this option alone

    built_from = commit()
    click.echo(f"maxbridge {__version__}" + (f" (commit {built_from})" if built_from else ""))
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    spoken.OPTION,
    type=click.Choice(LANGUAGES),
    help="Language of messages; else $LANGUAGE, $LC_ALL or $LANG. It stands before the command.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_tell_version,
    help="Show the version and exit.",
)
def cli(language: str | None) -> None:
    """Join the messenger MAX with the help desk FreeScout, without a public address.

    Start with: maxbridge demo
    """
    del language  # chosen before anything was said


spoken.teach_click()


def main() -> None:
    """Entry point of the ``maxbridge`` command."""
    try:
        _main()
    finally:
        # Before it ends, Python would look for garbage once more among all that was loaded: a seventh of
        # the time of ``maxbridge status``.
        gc.freeze()


def _main() -> None:
    output.prepare()
    spoken.choose(sys.argv[1:], os.environ)
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except Exception as error:
        trouble = output.lost(error)
        if trouble is None:
            raise
        output.give_up_stdout()
        if trouble.is_closed_pipe:
            sys.exit(ExitCode.PIPE_CLOSED)
        click.echo(
            say("maxbridge: The output cannot be written: {reason}.", reason=trouble.reason),
            err=True,
        )
        sys.exit(ExitCode.IO_ERROR)
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    """Run the command line; every error becomes a sentence and an exit code.

    Raises:
        output.OutputLostError: The sentences, or the command's output, cannot be written.
    """
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        refusal(error, arguments)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except UserError as error:
        complain(error)
        if error.exit_code is ExitCode.NO_PERMISSION and os.geteuid() != 0:
            click.echo(f"  {_with_sudo(arguments)}", err=True)
        return error.exit_code
    except Exception as error:
        if output.lost(error) is not None:
            raise
        from maxbridge.cli.bug import report  # noqa: PLC0415 - nobody should ever need it

        told = error.__cause__ if isinstance(error, SystemTroubleError) else error
        typed = spoken.first_word(arguments)
        named = typed if typed in COMMANDS else ""
        return report(told or error, named, os.environ)
    return code if isinstance(code, int) else ExitCode.OK


def _with_sudo(arguments: Sequence[str]) -> str:
    """Return the command line as it would have worked; the service itself must not be run a second time."""
    if spoken.first_word(arguments) == "run" and is_service_here():
        return "sudo systemctl start maxbridge"
    return f"sudo {PROGRAM} {fit(shlex.join(arguments))}"


def complain(error: UserError) -> None:
    """Print what is wrong and what to do, one line each, without a traceback."""
    if len(error.problems) == 1:
        click.echo(f"maxbridge: {fit(error.problems[0])}", err=True)
        return
    click.echo(say("maxbridge cannot go on:"), err=True)
    for problem in error.problems:
        click.echo(f"  {fit(problem)}", err=True)
