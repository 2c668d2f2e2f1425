"""On a Dask cluster: no capture is lost and none counted twice, whoever is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli.main import cli
from pcapdiag.errors import ClusterError, UsageError
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.triage import dask, dask_worker
from pcapdiag.triage.capture import Capture
from pcapdiag.triage.dask import AHEAD, DaskEngine
from pcapdiag.triage.dask_worker import Order
from pcapdiag.triage.isolation import Reply
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.run import Triage
from pcapdiag.triage.task import Task, always
from tests.triage.dask_cluster import Cluster
from tests.triage.several import DOZEN, REFUSED, copies, run, task, tree

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), workers=1) as one:
        one.wait(1)
        yield one


def said(reply: Reply) -> tuple[str, str]:
    assert reply.outcome is not None
    return reply.outcome.status, reply.outcome.reason


def test_a_worker_killed_in_the_middle_loses_nothing(cluster: Cluster, tmp_path: Path) -> None:
    paths = copies(tmp_path, **{f"number_{n}": path for n, path in enumerate(DOZEN)})
    paths += copies(tmp_path, copy=REFUSED)
    expected = run(tmp_path / "local", paths)
    second = cluster.add_worker()
    cluster.wait(2)
    sent = []

    def captures() -> Iterator[Capture]:
        for path in paths:
            sent.append(path)
            yield Capture.of(str(path))

    options = AnalyzeOptions()
    with (
        DaskEngine(cluster.address, Limits()) as engine,
        Triage(str(tmp_path / "out"), options, engine, "parquet") as triage,
    ):
        entries = triage.take(captures())
        names = [next(entries).name]
        second.kill()
        names += [entry.name for entry in entries]
        triage.write()
    assert second.wait() < 0
    assert sorted(names) == sorted(expected)
    assert tree(tmp_path / "out") == tree(tmp_path / "local")


def test_a_bad_capture_is_a_row_there_too(cluster: Cluster, tmp_path: Path) -> None:
    """Few are on their way at a time, however many there are."""
    paths = copies(tmp_path, sleep=REFUSED, segv=REFUSED, stumble=REFUSED, **{"raise": REFUSED})
    sent: list[Path] = []

    def tasks() -> Iterator[Task]:
        for path in paths:
            sent.append(path)
            yield task(path)

    with DaskEngine(cluster.address, Limits(timeout=1.0), retries=1) as engine:
        replies = engine(tasks(), always)
        first = next(iter(replies))
        assert len(sent) <= AHEAD
        found = {Path(r.capture.name).stem: said(r) for r in (first, *replies)}
    assert {name: status for name, (status, _) in found.items()} == {
        "sleep": "timeout",
        "segv": "crash",
        "stumble": "examined",
        "raise": "crash",
    }
    assert found["segv"][1] == "its process was ended by signal 11 (SIGSEGV)"


def test_what_a_worker_does_not_see_is_a_row_that_says_so(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = copies(tmp_path, here_only=REFUSED)
    elsewhere = Capture.of(str(tmp_path / "nowhere" / "a.pcap"))
    monkeypatch.setattr(dask, "_absolute", lambda one: replace(one, capture=elsewhere))
    with DaskEngine(cluster.address, Limits()) as engine:
        (reply,) = engine([task(path)], always)
    assert reply.capture.name == str(path)
    assert said(reply) == (
        "error",
        "no such file on the worker: it must be at the same path there as here",
    )


def test_keys_in_an_address_are_in_no_log(cluster: Cluster) -> None:
    url = "memory://bucket/a.pcap?sig=a0b1c2d3e4"
    with DaskEngine(cluster.address, Limits()) as engine:
        (reply,) = engine([task(url)], always)
    assert said(reply)[0] == "error"
    assert "a0b1c2d3e4" not in cluster.logs() + said(reply)[1]
    assert "a0b1c2d3e4" not in repr(Order("run", task(url), Limits(), 0))


def test_other_versions_are_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with DaskEngine(cluster.address, Limits()) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(dask_worker, "__version__", "0.0.9")
            with pytest.raises(UsageError, match=r"has pcapdiag .*, this machine 0\.0\.9"):
                list(engine([task(REFUSED)], always))
        # A worker that came later is known by what it gives.
        monkeypatch.setattr(dask, "__version__", "0.0.9")
        with pytest.raises(UsageError, match=r"a worker has pcapdiag .*, this machine 0\.0\.9"):
            list(engine([task(REFUSED)], always))


def test_a_lost_scheduler_is_said_and_another_run_finishes(tmp_path: Path) -> None:
    paths = copies(tmp_path, **{f"number_{n}": path for n, path in enumerate(DOZEN[:4])})
    captures = [Capture.of(str(path)) for path in paths]
    out = tmp_path / "out"
    with Cluster(tmp_path / "cluster", workers=1) as cluster:
        with (
            DaskEngine(cluster.address, Limits()) as engine,
            Triage(str(out), AnalyzeOptions(), engine, "parquet") as triage,
        ):
            entries = triage.take(captures)
            first = next(entries).name
            cluster.scheduler.kill()
            with pytest.raises(ClusterError, match=r"was lost: start again: what is done is kept"):
                list(entries)
        # A heartbeat that was under way when its scheduler went is Dask's own traceback.
        assert os.path.join("pcapdiag", "triage") not in cluster.logs()
    assert first in run(out, paths)
    run(tmp_path / "local", paths)
    assert tree(out) == tree(tmp_path / "local")


def test_a_cluster_that_is_not_there_gives_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "CONNECT", 0.5)
    command = ["triage", str(REFUSED), "-o", str(tmp_path / "out"), "--engine", "dask"]
    done = CliRunner().invoke(cli, [*command, "--scheduler", "tcp://127.0.0.1:9"])
    assert done.exit_code == 3, done.output
    assert "cannot reach the scheduler tcp://127.0.0.1:9" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "dask"], "--scheduler tcp://HOST:8786"),
        (["--engine", "dask", "--scheduler", "scheduler"], "--scheduler tcp://HOST:8786"),
        (["--scheduler", "tcp://a:1"], "--scheduler is for --engine dask"),
        (["--engine", "dask", "--scheduler", "tcp://a:1", "--jobs", "2"], "--jobs is for this"),
    ],
)
def test_wrong_use_gives_2(tmp_path: Path, arguments: list[str], words: str) -> None:
    done = CliRunner().invoke(
        cli, ["triage", str(REFUSED), "-o", str(tmp_path / "out"), *arguments]
    )
    assert done.exit_code == 2, done.output
    assert words in done.stderr
