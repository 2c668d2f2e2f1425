"""The options that every command reading captures takes, in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, TypeVar, Unpack

import click

from pcapdiag.cli import values
from pcapdiag.model.options import AnalyzeOptions, EndPattern, TimeBound

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    click.argument("captures", metavar="CAPTURE...", nargs=-1, required=True,
        type=click.Path(readable=False)),
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
    click.option(
        "--stream", "streams", type=click.IntRange(min=0), multiple=True, metavar="N",
        help="Only this connection, by Wireshark's tcp.stream number. Repeatable.",
    ),
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
        "--time", "time_mode", type=click.Choice(["utc", "local", "relative"]), default="utc",
        show_default=True, help="How times are written.",
    ),
)  # fmt: skip


class CaptureArguments(TypedDict):
    """What click hands to a command that took :func:`capture_options`, ``--time`` left out."""

    hosts: tuple[EndPattern, ...]
    ports: tuple[int, ...]
    nets: tuple[EndPattern, ...]
    streams: tuple[int, ...]
    time_from: TimeBound | None
    time_to: TimeBound | None
    proxies: tuple[EndPattern, ...]
    clients: tuple[EndPattern, ...]
    upstreams: tuple[EndPattern, ...]
    names: str | None
    keylog: str | None


def capture_options(command: Command) -> Command:
    """Give a command the CAPTURE arguments and the shared options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def analyze_options(
    all_connections: bool, follow: bool, **chosen: Unpack[CaptureArguments]
) -> AnalyzeOptions:
    """Return the options of an analysis; raises click.UsageError where they contradict."""
    first, last = chosen["time_from"], chosen["time_to"]
    if first and last and first.from_start == last.from_start and first.ns > last.ns:
        raise click.UsageError("--from is later than --to")
    return AnalyzeOptions(**chosen, all_connections=all_connections, follow=follow)
