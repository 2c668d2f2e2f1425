"""One bad capture stops nothing: what it does to its process is its outcome."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from pcapdiag.triage import isolation
from pcapdiag.triage.isolation import Reply, Worker
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.local import LocalEngine
from pcapdiag.triage.outcome import FileIdentity, Outcome, content_of
from pcapdiag.triage.task import Claim, always
from tests.triage.several import REFUSED, copies, task
from tests.triage.stand_in import START

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]

ROOT = Path(__file__).resolve().parents[2]
LIMITS = Limits(timeout=1.0, memory=400 * 1024 * 1024)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """What becomes of bad captures and good ones between them, all by one worker."""
    folder = tmp_path_factory.mktemp("captures")
    names = ["sleep", "good", "allocate", "segv", "better", "raise", "leave", "grow", "best"]
    paths = copies(folder, **dict.fromkeys(names, REFUSED))
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(isolation, "_START", START)
        patch.setattr(tempfile, "tempdir", str(temporary))
        with Worker(LIMITS) as one:
            found = {path.stem: examined(one, path) for path in paths}
            assert not files_below(temporary), "of a child that was ended"
            yield found
        assert not any(temporary.iterdir())


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def examined(one: Worker, path: Path, claim: Claim = always) -> Outcome:
    reply = one.examine(task(path), claim)
    assert reply.outcome is not None
    return reply.outcome


def test_good_captures_between_bad_ones_are_examined(outcomes: dict[str, Outcome]) -> None:
    good = [outcomes[name] for name in ("good", "better", "best")]
    assert all(one.examined and one.tally.failed for one in good)
    assert good[0] == good[1] == good[2] or len({one.lines for one in good}) == 1


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("sleep", "timeout", "it takes longer than --timeout allows (1 s)"),
        ("segv", "crash", "its process was ended by signal 11 (SIGSEGV)"),
        ("leave", "crash", "its process ended with status 7"),
        ("raise", "crash", "internal error (ZeroDivisionError: a fault of ours); please report it"),
        ("grow", "error", "it changed while it was read; try again when it is complete"),
    ],
)
def test_a_bad_one_is_a_row_with_its_reason(
    outcomes: dict[str, Outcome], name: str, status: str, reason: str
) -> None:
    outcome = outcomes[name]
    assert (outcome.status, outcome.reason, outcome.transient) == (status, reason, True)
    assert content_of(outcome.identities) == content_of(outcomes["good"].identities)
    assert outcome.options == "asked"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its limit")
def test_memory_is_limited(outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes["allocate"]
    assert outcome.status == "memory"
    assert outcome.reason == "it needs more memory than --memory allows (400 MB)"


def test_a_retry_may_end_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_START", START)
    paths = copies(tmp_path, stumble=REFUSED, segv=REFUSED)
    with LocalEngine(2, LIMITS, retries=2) as engine:
        replies = list(engine(map(task, paths), always))
        again = list(engine(map(task, paths[:1]), always))
    assert {status_of(reply) for reply in replies} == {("stumble", "examined"), ("segv", "crash")}
    assert [status_of(reply) for reply in again] == [("stumble", "examined")]


def status_of(reply: Reply) -> tuple[str, str]:
    assert reply.outcome is not None
    return Path(reply.capture.name).stem, reply.outcome.status


def test_who_stops_listening_ends_what_is_being_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ^C does."""
    monkeypatch.setattr(isolation, "_START", START)
    paths = copies(tmp_path, a=REFUSED, sleep=REFUSED, b=REFUSED)
    with LocalEngine(1, Limits(timeout=None)) as engine:
        replies = engine(map(task, paths), always)
        assert status_of(next(replies)) == ("a", "examined")
        assert isinstance(replies, Generator)
        replies.close()
        (last,) = engine([task(paths[2])], always)
    assert status_of(last) == ("b", "examined")


def pids_of(path: Path) -> list[int]:
    """The processes in which a capture was examined, one for each try."""
    return [int(line) for line in path.with_suffix(".pids").read_text().split()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs children")
def test_a_child_examines_captures_for_as_long_as_it_is_as_good_as_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["first", "litter", "stumble", "second", "fatten", "third", "raise", "fourth"]
    paths = copies(tmp_path, **dict.fromkeys(names, REFUSED))
    for path in paths:
        path.with_suffix(".pids").touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(isolation, "_START", START)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    found: dict[str, str] = {}
    claims = 0

    def claim(_identities: list[FileIdentity]) -> bool:
        nonlocal claims
        claims += 1
        return True

    with Worker(LIMITS) as one:
        for path in paths:
            found[path.stem] = examined(one, path, claim).status
            assert not files_below(temporary), "who has an outcome finds nothing of it any more"
    assert found == dict.fromkeys(names, "examined") | {"raise": "crash"}
    assert claims == len(names), "who tries again has claimed it"
    pids = {path.stem: pids_of(path) for path in paths}
    assert pids["first"] == pids["litter"], "one child for both"
    died, fresh = pids["stumble"]
    assert [died] == pids["litter"]
    assert [fresh] == pids["second"] == pids["fatten"], "the one that tried again goes on"
    grown, *_ = pids["fatten"]
    (third,) = pids["third"]
    assert third != grown, "it had grown"
    assert pids["raise"][0] == third, "and again in a child that examined nothing before"
    assert pids["raise"][1] not in (third, *pids["fourth"])


def test_a_refused_capture_is_not_examined(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, good=REFUSED)
    with LocalEngine(1, LIMITS) as engine:
        (reply,) = engine([task(path)], lambda _identities: False)
    assert reply.outcome is None
    assert content_of(reply.identities) is not None


def test_without_fork_the_worker_is_the_one_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows: the worker examines by itself, and its owner ends it."""
    monkeypatch.setattr(isolation, "_START", NO_FORK)
    monkeypatch.setattr(isolation, "GRACE", 0.2)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with Worker(LIMITS) as one:
        found = {path.stem: examined(one, path) for path in _some(tmp_path)}
    assert not any(temporary.iterdir())
    assert {name: outcome.status for name, outcome in found.items()} == {
        "good": "examined",
        "sleep": "timeout",
        "raise": "crash",
        "segv": "crash",
        "best": "examined",
    }
    assert found["segv"].reason.startswith("its process was ended by signal 11")


NO_FORK = (
    "import sys; _, folder, *sys.path[:] = sys.argv; from pcapdiag.triage import worker; "
    "worker.HAS_FORK = False; from tests.triage.stand_in import main; main(folder)"
)


def _some(folder: Path) -> list[Path]:
    return copies(folder, **dict.fromkeys(("good", "sleep", "raise", "segv", "best"), REFUSED))


OWNER = """
import sys
from pathlib import Path
from pcapdiag.triage import isolation
from pcapdiag.triage.limits import Limits
from tests.triage.stand_in import START
from tests.triage.test_isolation import task

isolation._START = START
one = isolation.Worker(Limits(timeout=None))

def claim(_identities):
    print(one._process.pid, flush=True)
    return True

one.examine(task(Path(sys.argv[1])), claim)
"""


def test_an_owner_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, sleep=REFUSED)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(path)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as owner:
        assert owner.stdout is not None
        group = int(owner.stdout.readline())
        os.killpg(group, 0)
        owner.kill()
    assert _is_gone(group)
    assert not any(temporary.iterdir())


def _is_gone(group: int) -> bool:
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


PROGRAM = """
from pcapdiag.cli.main import main
from pcapdiag.triage import isolation
from tests.triage.stand_in import START

isolation._START = START
main()
"""


def test_a_program_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    (path,) = copies(tmp_path, sleep=REFUSED)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    arguments = ["triage", str(path), "-o", str(tmp_path / "out"), "--format", "jsonl"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as program:
        while not any("carried" in one.name for one in files_below(temporary)):
            assert program.poll() is None
            time.sleep(0.05)
        program.terminate()
    assert program.returncode == -signal.SIGTERM
    assert not any(temporary.iterdir())
