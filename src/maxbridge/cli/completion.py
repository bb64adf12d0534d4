"""``maxbridge completion``: the script that makes Tab work."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

PROGRAM = "maxbridge"
_VARIABLE = "_MAXBRIDGE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes Tab complete commands, options and ids. Needs bash 4.4 or newer.

    The Debian package has installed it already. Otherwise, for the shells of your user:

    \b
    maxbridge completion bash > ~/.local/share/bash-completion/completions/maxbridge
    maxbridge completion zsh > ~/.zfunc/_maxbridge       (with ~/.zfunc in $fpath)
    maxbridge completion fish > ~/.config/fish/completions/maxbridge.fish
    """  # noqa: D301 - click wants the character itself
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click knows those of the choice
    # The base class: bash's own would start a bash only to see its version.
    made = found(context.find_root().command, {}, PROGRAM, _VARIABLE)
    click.echo(ShellComplete.source(made).rstrip())
