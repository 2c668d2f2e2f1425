"""``pcapdiag snapshot``: what decides connection failures on this host."""

from __future__ import annotations

import click

from pcapdiag.cli import values
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import output_option, page_options
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.status import OK

MAX_DURING = 3_600.0


@click.command(
    short_help="Say what decides connection failures on this host.",
    epilog=examples(
        "pcapdiag snapshot -o host.json",
        "pcapdiag snapshot --during 10 -o host.json",
        "pcapdiag snapshot --envoy-admin http://127.0.0.1:15000 -o host.json",
        "pcapdiag analyze --snapshot host.json capture.pcap",
    ),
)
@click.option(
    "--during", type=click.FloatRange(min=0.1, max=MAX_DURING), callback=values.finite,
    metavar="SECONDS",
    help="Read the counters twice, so many seconds apart: what grew meanwhile is happening now.",
)  # fmt: skip
@click.option(
    "--envoy-admin", metavar="URL",
    help="Also ask Envoy's admin interface there, as http://127.0.0.1:15000: clusters, listeners, "
    "counters, certificates' ends; never its configuration.",
)  # fmt: skip
@output_option
@page_options
def snapshot(
    during: float | None,
    envoy_admin: str | None,
    output: str | None,
    width: int | None,
    no_color: bool,
) -> int:
    """Read what decides connection failures on this Linux host; nothing is changed.

    Sockets, accept queues, limits, ports, connection tracking, kernel settings and counters,
    routes, interfaces, firewall rules that drop, DNS and clock; as root more than otherwise. A
    summary is printed; -o writes the whole as JSON for --snapshot of analyze and correlate (with
    -o - that is all that is printed).
    """
    from pcapdiag.host.load import encode_snapshot
    from pcapdiag.host.remarks import remarks
    from pcapdiag.host.take import take_snapshot
    from pcapdiag.report.snapshot import render_snapshot

    taken = take_snapshot(during, envoy_admin)
    try:
        if output is not None:
            with open_output(output) as target:
                target.write(encode_snapshot(taken))
        if output != "-":
            with open_output(None) as target:
                for line in render_snapshot(taken, remarks(taken), page_for(None, width, no_color)):
                    target.line(line)
    except ClosedPipeError:
        drop_standard_output()
    return OK
