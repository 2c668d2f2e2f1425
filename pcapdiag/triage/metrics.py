"""Metrics for Prometheus: what OUT holds, and how the run is doing.

Names and units follow Prometheus' conventions (prometheus.io/docs/practices/naming). Labels are
codes, parties and statuses, never an address or a name of a file, so that their number is fixed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, get_args

from pcapdiag import __version__
from pcapdiag.errors import OutputError, UsageError
from pcapdiag.model.ends import join_port
from pcapdiag.model.report import Party
from pcapdiag.model.report_outcome import OutcomeStatus
from pcapdiag.triage.files import told, written_aside
from pcapdiag.triage.totals import Ledger, Totals

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

MAX_FILE_AGE = 15.0
"""Seconds after which the metrics' file is written again while a run goes on."""
_PARTIES: tuple[Party, ...] = get_args(Party)
_STATUSES: tuple[OutcomeStatus, ...] = get_args(OutcomeStatus)


class Described(NamedTuple):
    """A metric: its name as it is scraped, its labels, and its help."""

    name: str
    labels: tuple[str, ...]
    help: str


METRICS = (
    Described("pcapdiag_captures_total", ("status",), "Captures by what became of them."),
    Described("pcapdiag_damaged_captures_total", (), "Captures examined up to a damage."),
    Described("pcapdiag_connections_total", (), "TCP connections judged."),
    Described("pcapdiag_failed_connections_total", (), "TCP connections that failed."),
    Described("pcapdiag_failed_requests_total", (), "Requests that failed."),
    Described(
        "pcapdiag_failures_total",
        ("code", "party"),
        "Failed connections by verdict and by who did it, each incident once.",
    ),
    Described("pcapdiag_resets_total", ("party",), "RST segments by who sent them."),
    Described("pcapdiag_findings_total", ("code",), "Findings about captures, by code."),
    Described("pcapdiag_packets_total", (), "Packets examined."),
    Described("pcapdiag_packet_bytes_total", (), "Bytes of these packets on the wire."),
    Described("pcapdiag_waiting_captures", (), "Captures found and not yet examined."),
    Described(
        "pcapdiag_lag_seconds",
        (),
        "From the last packet of the capture examined last to its being recorded.",
    ),
    Described(
        "pcapdiag_newest_packet_timestamp_seconds", (), "Time of the latest packet examined."
    ),
    Described(
        "pcapdiag_last_capture_timestamp_seconds", (), "When a capture was recorded in this run."
    ),
    Described("pcapdiag_run_duration_seconds", (), "How long this run has been going on."),
    Described(
        "pcapdiag_output_failing", (), "1 while results cannot be written (full disk), else 0."
    ),
    Described("pcapdiag_build_info", ("version",), "1, with the version of pcapdiag."),
)
"""All that is told; ``docs/metrics.md`` has it as a table."""

Values = dict[tuple[str, ...], float]


class Metrics:
    """Tells the state of a ledger and of the run. Raises UsageError without prometheus_client."""

    def __init__(self, ledger: Ledger, path: str | None = None) -> None:
        need()
        self.waiting = 0
        self.output_fails = False
        self._ledger = ledger
        self._path = path
        self._began = time.monotonic()
        self._written = float("-inf")
        self._shown: dict[str, Values] = {}

    def update(self) -> None:
        """Count what is new; write the file where that is old. Raises OutputError."""
        self._ledger.update(time.time())
        if time.monotonic() - self._written >= MAX_FILE_AGE:
            self.write()

    def write(self) -> None:
        """Write the file, where one is wanted; raises OutputError."""
        from prometheus_client import generate_latest

        self._written = time.monotonic()
        if self._path is not None:
            with written_aside(self._path) as file, told(self._path):
                file.write(generate_latest(self._registry()))

    def collect(self) -> Iterator[Metric]:
        """Yield what is told now; called by prometheus_client, from any thread."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        with self._ledger.lock:
            values = self._values()
        for metric in METRICS:
            counts = metric.name.endswith("_total")
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            family = kind(metric.name, metric.help, labels=metric.labels)
            for labels, value in sorted(values[metric.name].items()):
                family.add_metric(labels, value)
            yield family

    @contextmanager
    def listening(self, host: str, port: int) -> Iterator[str]:
        """Answer scrapes at an address; yield it as a URL. Raises OutputError."""
        from prometheus_client import start_http_server

        try:
            server, thread = start_http_server(port, host, self._registry())
        except (OSError, UnicodeError) as error:
            what = getattr(error, "strerror", None) or "no such address"
            text = f"cannot listen on {join_port(host, port)}: {what}"
            raise OutputError(text, "choose another --metrics-listen") from error
        # A caller that hangs up is no fault of ours, and no traceback for the terminal. A method of
        # the server that is there takes the place of its class's.
        server.handle_error = _say_nothing  # type: ignore[assignment, method-assign]
        try:
            yield f"http://{join_port(host, server.server_port)}/metrics"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _registry(self) -> CollectorRegistry:
        from prometheus_client import CollectorRegistry

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return registry

    def _values(self) -> dict[str, Values]:
        ledger = self._ledger
        totals = _of_totals(ledger.totals)
        self._shown = {name: _never_less(totals[name], self._shown.get(name)) for name in totals}
        return self._shown | {
            "pcapdiag_waiting_captures": {(): self.waiting},
            "pcapdiag_lag_seconds": _known(ledger.lag),
            "pcapdiag_newest_packet_timestamp_seconds": _known(ledger.newest_packet or None),
            "pcapdiag_last_capture_timestamp_seconds": _known(ledger.examined_at),
            "pcapdiag_run_duration_seconds": {(): time.monotonic() - self._began},
            "pcapdiag_output_failing": {(): self.output_fails},
            "pcapdiag_build_info": {(__version__,): 1},
        }


def _say_nothing(_request: object, _address: object) -> None:
    return


def need() -> None:
    """Raise UsageError where prometheus_client is not installed."""
    from importlib.util import find_spec

    try:
        found = find_spec("prometheus_client")
    except ValueError:
        found = None
    if found is None:
        raise UsageError("metrics need prometheus_client", "pip install 'pcapdiag[metrics]'")


def _of_totals(totals: Totals) -> dict[str, Values]:
    return {
        "pcapdiag_captures_total": {(name,): totals.captures[name] for name in _STATUSES},
        "pcapdiag_damaged_captures_total": {(): totals.damaged},
        "pcapdiag_connections_total": {(): totals.connections},
        "pcapdiag_failed_connections_total": {(): totals.failed},
        "pcapdiag_failed_requests_total": {(): totals.failed_requests},
        "pcapdiag_failures_total": dict(totals.failures),
        "pcapdiag_resets_total": {(party,): totals.resets[party] for party in _PARTIES},
        "pcapdiag_findings_total": {(code,): n for code, n in totals.findings.items()},
        "pcapdiag_packets_total": {(): totals.packets},
        "pcapdiag_packet_bytes_total": {(): totals.bytes},
    }


def _never_less(values: Mapping[tuple[str, ...], float], before: Values | None) -> Values:
    """Return values that do not fall: to Prometheus a counter that falls begins anew.

    A capture that is examined again is taken out and counted in anew, or replaced by another.
    """
    shown = dict(values)
    for labels, value in (before or {}).items():
        shown[labels] = max(value, shown.get(labels, 0))
    return shown


def _known(value: float | None) -> Values:
    return {} if value is None else {(): value}
