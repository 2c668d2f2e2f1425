"""``pcapdiag completion``: the script that teaches a shell our commands and options."""

from __future__ import annotations

import click

from pcapdiag.cli.examples import examples
from pcapdiag.cli.output import open_output
from pcapdiag.cli.status import OK


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
    from pcapdiag.cli.shells import SHELLS, VARIABLE

    script = SHELLS[shell](ctx.find_root().command, {}, "pcapdiag", VARIABLE)
    with open_output(None) as output:
        output.write(script.source())
    return OK
