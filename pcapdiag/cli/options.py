"""The options that every command reading captures takes, in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar, Unpack, get_args

import click

from pcapdiag.cli import completing, values

if TYPE_CHECKING:
    from pcapdiag.cli.arguments import CaptureArguments
    from pcapdiag.model.options import AnalyzeOptions

Format = Literal["text", "json", "jsonl", "markdown", "junit"]
Command = TypeVar("Command", bound=Callable[..., object])

_STREAM = click.option(
    "--stream", "streams", type=click.IntRange(min=0), multiple=True, metavar="N",
    help="Only this connection, by Wireshark's tcp.stream number. Repeatable.",
)  # fmt: skip
_ONE_STREAM = click.option(
    "--stream", "streams", type=click.IntRange(min=0), multiple=True, metavar="N",
    help="A picture of this connection alone, by Wireshark's tcp.stream number. Given once.",
)  # fmt: skip
_OPTIONS = (
    click.option(
        "--host", "hosts", callback=values.ends, multiple=True, metavar="ADDRESS",
        help="Only connections of this address (or address:port, [IPv6]:port). Repeatable.",
    ),
    click.option(
        "--port", "ports", callback=values.ports, multiple=True, metavar="PORT",
        help="Only connections with this port at either end. Repeatable.",
    ),
    click.option(
        "--net", "nets", callback=values.ends, multiple=True, metavar="NETWORK",
        help="Only connections with an end in this network, as 10.0.0.0/24. Repeatable.",
    ),
    _STREAM,
    click.option(
        "--from", "time_from", callback=values.moment, metavar="TIME",
        help="Only connections not over before TIME: RFC 3339 with zone, epoch seconds, or +90s "
        "from the start.",
    ),
    click.option(
        "--to", "time_to", callback=values.moment, metavar="TIME",
        help="Only connections begun by TIME.",
    ),
    click.option(
        "--proxy", "proxies", callback=values.ends, multiple=True, metavar="ADDRESS",
        help="This address, network or address:port is a proxy. Repeatable.",
    ),
    click.option(
        "--client", "clients", callback=values.ends, multiple=True, metavar="ADDRESS",
        help="This one is a client. Repeatable.",
    ),
    click.option(
        "--upstream", "upstreams", callback=values.ends, multiple=True, metavar="ADDRESS",
        help="This one is an upstream server. Repeatable.",
    ),
    click.option(
        "--names", type=click.Path(), metavar="FILE",
        help="Names of addresses: hosts format, or the JSON of "
        "'kubectl get pods,services -A -o json'.",
    ),
    click.option(
        "--keylog", type=click.Path(), metavar="FILE",
        help="TLS secrets, as SSLKEYLOGFILE writes them; the file may still grow.",
    ),
    click.option(
        "--snapshot", "snapshots", type=click.Path(), multiple=True, metavar="FILE",
        help="What 'pcapdiag snapshot' wrote on a host of the capture: findings are drawn from "
        "it, too. Repeatable; two of one host are its counters before and after.",
    ),
    click.option(
        "--log", "logs", callback=values.logs, multiple=True, metavar="PRODUCT=FILE",
        shell_complete=completing.logs,
        help="Log of a proxy, envoy=, nginx= or haproxy=: its failed lines are tied to their "
        "connections. A format of its own: PRODUCT:FORMAT=FILE. Repeatable.",
    ),
)  # fmt: skip
fail_on_option = click.option(
    "--fail-on", "fail_on", callback=values.conditions, multiple=True, metavar="CONDITION",
    shell_complete=completing.conditions,
    help="Exit with 1 where there is this, and only then: code=tls.*, party=upstream, "
    "finding=dns.*, severity=warning (or worse), failed>10; never: always exit with 0. "
    "Repeatable, any is enough. Otherwise 1 means a failed connection, or a finding of "
    "severity failure.",
)  # fmt: skip
"""What makes a run fail, for a command that judges."""
time_option = click.option(
    "--time", "time_mode", type=click.Choice(["utc", "local", "relative"]), default="utc",
    show_default=True, help="How times are written.",
)  # fmt: skip
_UTC = click.option(
    "--time", type=click.Choice(["utc", "local", "relative"]), expose_value=False, hidden=True,
    callback=values.only_utc, help="Always UTC: the result is read elsewhere.",
)  # fmt: skip
output_option = click.option(
    "-o", "--output", type=click.Path(), metavar="FILE",
    help="Write there; the file is replaced only when all went well.",
)  # fmt: skip
_PAGE = (
    click.option(
        "--width", type=click.IntRange(40, 1000), metavar="COLUMNS",
        help="Width of the text; otherwise the terminal's, or 100.",
    ),
    click.option(
        "--no-color", is_flag=True, help="No colour on a terminal (so does NO_COLOR)."
    ),
)  # fmt: skip
_OUTPUT = (
    time_option,
    click.option(
        "--format", "output_format", type=click.Choice(get_args(Format)), default="text",
        show_default=True, help="For people, as one JSON document, as JSON lines, as Markdown for "
        "a ticket or a job's summary, or as JUnit XML for a test server. A page: see --html.",
    ),
    click.option(
        "--all", "show_all", is_flag=True, help="Show the connections that worked, too."
    ),
    output_option,
    click.option(
        "--html", type=click.Path(), callback=values.file_of_its_own, metavar="FILE",
        help="Also write a page for a browser there: one file that needs no network.",
    ),
    fail_on_option,
    *_PAGE,
)  # fmt: skip


def capture_options(command: Command) -> Command:
    """Give a command the options that choose connections and say who is who."""
    return with_options(_OPTIONS, command)


def picture_options(command: Command) -> Command:
    """Give a command the options of :func:`capture_options`, with one connection at most."""
    chosen = [_ONE_STREAM if option is _STREAM else option for option in _OPTIONS]
    return with_options(chosen, command)


def always_in_utc(command: Command) -> Command:
    """Give a command whose result is read elsewhere a ``--time`` that says so."""
    return with_options([_UTC], command)


def output_options(command: Command) -> Command:
    """Give a command the options of how its report is written, and where."""
    return with_options(_OUTPUT, command)


def page_options(command: Command) -> Command:
    """Give a command the options of how its text looks."""
    return with_options(_PAGE, command)


def with_options(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Give a command options, which its help lists in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def needs_all(form: Format, show_all: bool) -> bool:
    """Return whether a report has to have the connections that worked, too: JUnit counts them."""
    return show_all or form == "junit"


def analyze_options(
    all_connections: bool,
    follow: bool,
    *,
    pictures: bool = False,
    **chosen: Unpack[CaptureArguments],
) -> AnalyzeOptions:
    """Return the options of an analysis; raises click.UsageError where they contradict."""
    from pcapdiag.model.options import AnalyzeOptions  # Only here: --help needs it not.

    first, last = chosen["time_from"], chosen["time_to"]
    if first and last and first.from_start == last.from_start and first.ns > last.ns:
        raise click.UsageError("--from is later than --to")
    return AnalyzeOptions(
        **chosen, all_connections=all_connections, follow=follow, pictures=pictures
    )
