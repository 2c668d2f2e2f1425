"""``pcapdiag completion``: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click

from pcapdiag.cli.examples import examples
from pcapdiag.cli.output import open_output
from pcapdiag.cli.status import OK

_VARIABLE = "_PCAPDIAG_COMPLETE"


@click.command(
    epilog=examples(
        "pcapdiag completion bash > ~/.local/share/bash-completion/completions/pcapdiag",
        "pcapdiag completion zsh > ~/.zfunc/_pcapdiag",
        "pcapdiag completion fish > ~/.config/fish/completions/pcapdiag.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> int:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "pcapdiag", _VARIABLE)
    with open_output(None) as output:
        output.line(script.source_template % script.source_vars())
    return OK
