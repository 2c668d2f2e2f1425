"""``pcapdiag explain``: what a code means, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from pcapdiag.cli import completing
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import output_option, page_options
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.status import OK

if TYPE_CHECKING:
    from pcapdiag.report.layout import Page

_CLOSE = 0.6
_SUGGESTED = 5


@click.command(
    short_help="Say what a code, or a proxy's words for a failure, means.",
    epilog=examples(
        "pcapdiag explain",
        "pcapdiag explain tcp.stale_connection",
        "pcapdiag explain tls",
        "pcapdiag explain UF",
        "pcapdiag explain 'upstream prematurely closed connection'",
    ),
)
@click.argument("words", metavar="[CODE]", nargs=-1, shell_complete=completing.codes)
@output_option
@page_options
def explain(
    words: tuple[str, ...],
    output: str | None,
    width: int | None,
    no_color: bool,
) -> int:
    """Say what a code means, how it is told, what causes it, and what to change.

    CODE is a verdict or finding, or its beginning; a layer (tcp, tls, dns ...) for all of its
    codes; or what a log says: Envoy's flag, reset reason or reply, NGINX's error, HAProxy's
    termination state, a program's error. Without it every code is listed.
    """
    lines = _explained(" ".join(words).strip(), page_for(output, width, no_color))
    try:
        with open_output(output) as target:
            for line in lines:
                target.line(line)
    except ClosedPipeError:
        drop_standard_output()
    return OK


def _explained(words: str, page: Page) -> Iterator[str]:
    """Return the lines that answer; raises click.UsageError where nothing does."""
    from pcapdiag.diagnose import pages, proxy_words
    from pcapdiag.report import explain as text

    wanted = words.lower()
    if wanted in ("", *text.layers()) and wanted != "ok":
        return text.render_list(page, wanted)
    if wanted in pages.codes():
        return text.render_page(pages.page(wanted), page)
    heard = proxy_words.heard(words)
    found = {code for one in heard for code in one.codes}
    if heard and len(found) != 1:
        return text.render_heard(heard, page)
    code = found.pop() if found else _begun(wanted)
    return text.render_page(pages.page(code), page, heard)


def _begun(words: str) -> str:
    """Return the one code that begins like this, or has it in its name."""
    from pcapdiag.diagnose.pages import codes

    wanted = words.replace(" ", "_")
    near = [code for code in codes() if code.partition(".")[2] == wanted]
    # A whole name may be a word of others: "refused" is not surely a SOCKS proxy's.
    near = _with_the_words(wanted) if near else near
    near = near or [code for code in codes() if code.startswith(wanted)]
    near = near or [code for code in codes() if wanted in code] or _with_the_words(wanted)
    if len(near) == 1:
        return near[0]
    near = near or _similar(wanted)
    raise click.UsageError(
        f"{words!r} is no code, and nothing that is logged for a failed connection; "
        + (_did_you_mean(near) if near else "pcapdiag explain lists all codes")
    )


def _with_the_words(wanted: str) -> list[str]:
    """Return the codes that have all the words, however they are joined: ``tcp.refused``."""
    from pcapdiag.diagnose.pages import codes

    words = set(re.split(r"[._-]+", wanted))
    return [code for code in codes() if words <= set(re.split(r"[._]", code))]


def _similar(wanted: str) -> list[str]:
    from difflib import get_close_matches

    from pcapdiag.diagnose.pages import codes

    whole = get_close_matches(wanted, codes(), _SUGGESTED, _CLOSE)
    names = {code.partition(".")[2]: code for code in codes()}
    return whole or [names[name] for name in get_close_matches(wanted, names, _SUGGESTED, _CLOSE)]


def _did_you_mean(near: list[str]) -> str:
    if len(near) > _SUGGESTED:
        near = [*near[:_SUGGESTED], "another one"]
    *others, last = near
    return f"did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
