"""One clear line on standard error, harmless whatever is in it."""

from __future__ import annotations

import click

from pcapdiag.model.harmless import harmless


def warn(message: str) -> None:
    """Tell the user something; file names and messages may be anybody's text."""
    click.echo(f"pcapdiag: {harmless(message)}", err=True)
