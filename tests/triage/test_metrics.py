"""Metrics: what is scraped is true, and what the rules and the dashboard ask for is there."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from docsite.places import DOCS
from pcapdiag import pipeline
from pcapdiag.cli import values
from pcapdiag.cli.main import cli
from pcapdiag.diagnose.pages import verdict_codes
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage import local, rotation, stamp
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.metrics import METRICS, Metrics
from pcapdiag.triage.rotation import Folder
from pcapdiag.triage.run import Triage
from pcapdiag.triage.task import Claim, Task
from pcapdiag.triage.watch import Watch
from tests.parts import split
from tests.triage.several import DOZEN, REFUSED, copies, here, run

pytestmark = pytest.mark.once

NAMES = {metric.name for metric in METRICS}
RULES = DOCS / "alerts" / "pcapdiag.rules.yml"
DASHBOARD = DOCS / "alerts" / "pcapdiag-dashboard.json"
Samples = dict[tuple[str, tuple[str, ...]], float]


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures are examined here."""
    monkeypatch.setattr(local, "LocalEngine", lambda *_arguments: nullcontext(here))


def samples(text: str) -> Samples:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def triage(*arguments: object) -> None:
    done = CliRunner().invoke(cli, ["triage", *map(str, arguments), "--jobs", "1"])
    assert done.exit_code in (0, 1, 2), done.output


def test_the_file_has_the_totals_of_out_and_another_run_counts_nothing_twice(
    tmp_path: Path,
) -> None:
    first, copy, second = copies(tmp_path, a=REFUSED, copy=REFUSED, b=DOZEN[1])
    text = tmp_path / "text.pcap"
    text.write_text("no capture")
    file = tmp_path / "pcapdiag.prom"
    triage(first, copy, text, "-o", tmp_path / "out", "--metrics-file", file)
    found = samples(file.read_text())
    assert found["pcapdiag_captures_total", ("examined",)] == 1
    assert found["pcapdiag_captures_total", ("error",)] == 1
    assert found["pcapdiag_failed_connections_total", ()] == 10
    assert found["pcapdiag_failures_total", ("tcp.connection_refused", "upstream")] == 10
    assert found["pcapdiag_resets_total", ("upstream",)] == 10
    assert found["pcapdiag_lag_seconds", ()] > 3600
    triage(second, first, text, "-o", tmp_path / "out", "--metrics-file", file)
    both = samples(file.read_text())
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert both["pcapdiag_failed_connections_total", ()] == summary["failed"] == 14
    assert both["pcapdiag_connections_total", ()] == summary["connections"]
    assert both["pcapdiag_packets_total", ()] == summary["packets"]
    assert both["pcapdiag_packet_bytes_total", ()] == summary["bytes"]
    assert both["pcapdiag_captures_total", ("examined",)] == 2
    triage(second, first, "-o", tmp_path / "out", "--metrics-file", file)
    again = samples(file.read_text())
    totals = {key for key in both if key[0].endswith("_total")}
    assert {key: again[key] for key in totals} == {key: both[key] for key in totals}
    assert ("pcapdiag_lag_seconds", ()) not in again


def test_what_is_replaced_is_taken_out_but_no_counter_falls(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, a=REFUSED)
    (other,) = copies(tmp_path, b=DOZEN[1])
    run(tmp_path / "out", [path])
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        metrics = Metrics(triage.ledger())
        assert scraped(metrics)["pcapdiag_failed_connections_total", ()] == 10
        path.write_bytes(other.read_bytes())
        assert len(list(triage.take([Capture.of(str(path))]))) == 1
        metrics.update()
        assert scraped(metrics)["pcapdiag_failed_connections_total", ()] == 10
        assert scraped(Metrics(triage.ledger()))["pcapdiag_failed_connections_total", ()] == 4


def scraped(metrics: Metrics) -> Samples:
    with metrics.listening("127.0.0.1", 0) as url, urlopen(url) as answer:
        return samples(answer.read().decode())


def test_a_run_can_be_scraped_while_it_goes_on(tmp_path: Path) -> None:
    paths = copies(tmp_path, a=REFUSED, b=DOZEN[1])
    go_on = threading.Event()

    def slow(tasks: Iterable[Task], claim: Claim) -> Iterator[Reply]:
        for reply in here(tasks, claim):
            yield reply
            assert go_on.wait(20)

    with Triage(str(tmp_path / "out"), AnalyzeOptions(), slow, "jsonl") as triage:
        metrics = Metrics(triage.ledger())
        for number, _ in enumerate(triage.take(Capture.of(str(path)) for path in paths), 1):
            metrics.waiting = len(paths) - number
            metrics.update()
            found = scraped(metrics)
            assert found["pcapdiag_captures_total", ("examined",)] == number
            assert found["pcapdiag_waiting_captures", ()] == len(paths) - number
            go_on.set()


def test_the_program_answers_on_loopback(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "pcapdiag", "triage"]
    done = subprocess.run(
        [*program, REFUSED, "-o", tmp_path / "out", "--metrics-listen", ":0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert re.search(r"metrics at http://127\.0\.0\.1:\d+/metrics", done.stderr)


def test_a_port_in_use_gives_3_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = CliRunner().invoke(
            cli,
            ["triage", str(REFUSED), "-o", str(tmp_path / "o"), "--metrics-listen", f":{port}"],
        )
    assert done.exit_code == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "--metrics-listen" in done.stderr


def test_a_caller_that_hangs_up_is_not_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        metrics = Metrics(triage.ledger())
        with metrics.listening("127.0.0.1", 0) as url:
            place = urlsplit(url)
            assert place.hostname
            assert place.port
            for words in (b"GET /metr", b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01"):
                with socket.create_connection((place.hostname, place.port)) as caller:
                    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, *[0] * 7]))
                    caller.sendall(words)
            with urlopen(url) as answer:
                assert b"pcapdiag_build_info" in answer.read()
    assert capfd.readouterr().err == ""


def test_the_counters_of_a_watch_do_not_fall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest file of a set is taken out and counted in again when another one follows."""
    monkeypatch.setattr(stamp, "SETTLED_NS", 0)
    monkeypatch.setattr(rotation, "SETTLED_NS", 0)
    files = split(REFUSED, tmp_path / "all", 4)
    (tmp_path / "ring").mkdir()
    seen = []
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        metrics = Metrics(triage.ledger())
        watching = Watch(triage, Folder(str(tmp_path / "ring"), 0), "all")
        for path in files:
            shutil.copyfile(path, tmp_path / "ring" / path.name)
            for _ in watching.look(lambda replies: next(replies, None)):
                metrics.update()
            watching.write(now=True)
            seen.append(scraped(metrics)["pcapdiag_connections_total", ()])
        fresh = scraped(Metrics(triage.ledger()))
    assert seen == sorted(seen)
    whole = pipeline.analyze([str(REFUSED)], AnalyzeOptions()).summary
    assert seen[-1] == fresh["pcapdiag_connections_total", ()] == whole.connections
    assert fresh["pcapdiag_failed_connections_total", ()] == whole.failed


def test_without_prometheus_client_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    arguments = ["triage", str(REFUSED), "-o", str(tmp_path / "o"), "--metrics-file", "x.prom"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 2
    assert "pip install 'pcapdiag[metrics]'" in done.stderr


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [(":9750", "127.0.0.1", 9750), ("0.0.0.0:1", "0.0.0.0", 1), ("[::1]:65535", "::1", 65535)],
)
def test_addresses_to_listen_on(text: str, host: str, port: int) -> None:
    assert values.parse_listener(text) == (host, port)


@pytest.mark.parametrize("text", ["", "9750", ":65536", "::1:9750", "a b:1", "[x]:1", "h:"])
def test_what_is_no_address_to_listen_on(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        values.parse_listener(text)


def test_labels_are_of_fixed_vocabularies(tmp_path: Path) -> None:
    """However many captures: no address, no name of a file."""
    run(tmp_path / "out", DOZEN[:8])
    with Triage(str(tmp_path / "out"), AnalyzeOptions(), here, "jsonl") as triage:
        found = scraped(Metrics(triage.ledger()))
    allowed = {metric.name: metric.labels for metric in METRICS}
    for name, labels in found:
        assert len(labels) == len(allowed[name])
        if name == "pcapdiag_failures_total":
            assert labels[0] in verdict_codes()
        for label in labels:
            assert not re.search(r"/|\d+\.\d+\.\d+\.\d+", label), (name, label)


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_bytes())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_rules_and_dashboard_ask_only_for_what_is_there() -> None:
    rules = "\n".join(line.partition("#")[0] for line in RULES.read_text().splitlines())
    for text in (rules, *queries()):
        assert set(re.findall(r"\bpcapdiag_\w+", text)) <= NAMES
    used = set(re.findall(r"\bpcapdiag_\w+", "\n".join(queries())))
    assert len(used) >= len(NAMES) - 4
    told = set(re.findall(r"^\| `(Pcapdiag\w+)`", (DOCS / "metrics.md").read_text(), re.MULTILINE))
    assert told == set(re.findall(r"alert: (\w+)", rules))


def promtool(*arguments: object, text: str | None = None) -> None:
    done = subprocess.run(
        ["promtool", *map(str, arguments)], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs(program="promtool")
def test_promtool_finds_no_fault(tmp_path: Path) -> None:
    promtool("check", "rules", RULES)
    promtool("test", "rules", Path(__file__).with_name("alerts_test.yml"))
    file = tmp_path / "a.prom"
    triage(*DOZEN[:4], "-o", tmp_path / "out", "--metrics-file", file)
    promtool("check", "metrics", text=file.read_text())
    ranges = {"$__range": "6h", "$__rate_interval": "5m", "$instance": ".*"}
    rules = []
    for number, query in enumerate(queries()):
        for variable, value in ranges.items():
            query = query.replace(variable, value)
        rules.append({"record": f"q:{number}", "expr": query})
    groups = {"groups": [{"name": "dashboard", "rules": rules}]}
    (tmp_path / "queries.yml").write_text(json.dumps(groups))
    promtool("check", "rules", tmp_path / "queries.yml")
