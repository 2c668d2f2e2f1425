"""The files that users copy: they are read as what they are, and the program takes their commands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docsite.places import DOCS
from tests.docs.test_pages import commands_of, parse

pytestmark = pytest.mark.once

EXAMPLES = DOCS / "examples"
YAML = sorted(EXAMPLES.glob("*.y*ml"))


def documents(name: str) -> list[Any]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def texts(value: object) -> Iterator[str]:
    """Yield every text of a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from texts(member)
    elif isinstance(value, list):
        for member in value:
            yield from texts(member)


def calls(name: str) -> list[list[str]]:
    found = [text for document in documents(name) for text in texts(document)]
    return [call for text in found for call in commands_of(f"```sh\n{text}\n```\n")]


@pytest.mark.parametrize("name", ["github-action.yml", "gitlab-ci.yml"])
def test_jobs_call_what_there_is(name: str) -> None:
    found = [call for call in calls(name) if call]
    assert {call[0] for call in found} == {"analyze", "annotate"}
    for call in found:
        parse(call)


def test_what_a_job_keeps_is_what_it_writes() -> None:
    (document,) = documents("github-action.yml")
    steps = document["jobs"]["integration"]["steps"]
    (kept,) = (step["with"]["path"].split() for step in steps if "upload" in step.get("uses", ""))
    script = "\n".join(step.get("run", "") for step in steps)
    (gitlab,) = documents("gitlab-ci.yml")
    job = gitlab["integration"]
    for files, written in (
        (kept, script),
        (job["artifacts"]["paths"], "\n".join(job["script"])),
        ([job["artifacts"]["reports"]["junit"]], "\n".join(job["script"])),
    ):
        assert all(file in written for file in files)


def test_jobs_of_kubernetes_call_what_there_is_and_may_do_nothing_else() -> None:
    kinds = {document["kind"]: document for document in documents("kubernetes.yaml")}
    assert set(kinds) == {"CronJob", "Job"}
    for job in (kinds["CronJob"]["spec"]["jobTemplate"], kinds["Job"]):
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        parse(container["args"])
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
        assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_the_cluster_of_dask_is_the_one_that_its_job_names() -> None:
    cluster, job = documents("dask.yaml")
    (driver,) = job["spec"]["template"]["spec"]["containers"]
    parse(driver["args"])
    parts = [cluster["spec"][part]["spec"]["containers"] for part in ("worker", "scheduler")]
    assert {container["image"] for (container,) in parts} == {driver["image"]}
    service = cluster["spec"]["scheduler"]["service"]
    name = cluster["metadata"]["name"]
    (port,) = [port["port"] for port in service["ports"] if port["name"] == "tcp-comm"]
    assert f"--scheduler=tcp://{name}-scheduler:{port}" in driver["args"]
    assert service["selector"]["dask.org/cluster-name"] == name
    assert "[cloud,dask,parquet]" in (EXAMPLES / "Containerfile").read_text(encoding="utf-8")


def test_the_container_is_built_from_what_is_there() -> None:
    text = (EXAMPLES / "Containerfile").read_text(encoding="utf-8")
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    assert json.loads(entry) == ["pcapdiag"]
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (DOCS.parent / source).exists(), source
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.name)
def test_a_page_shows_each_of_them(path: Path) -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    assert re.search(rf"{{literalinclude}} (\.\./)?examples/{re.escape(path.name)}\n", pages)
    assert path not in YAML or documents(path.name)


@pytest.mark.needs(program="ip tcpdump unshare", root=True)
def test_the_job_for_gitlab_finds_what_failed(tmp_path: Path) -> None:
    (document,) = documents("gitlab-ci.yml")
    asked = f"{sys.executable} -c 'import socket; socket.create_connection((\"127.0.0.1\", 9))'"
    lines = [
        line.replace("make integration-test", asked) for line in document["integration"]["script"]
    ]
    program = tmp_path / "bin/pcapdiag"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pcapdiag "$@"\n')
    program.chmod(0o755)
    script = "\n".join(["set -e", "ip link set lo up", *lines])
    done = subprocess.run(
        ["unshare", "--net", "bash", "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(DOCS.parent),
        },
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    suite = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert '<testcase classname="pcapdiag.connections" name="127.0.0.1:9"' in suite
    assert '<failure type="tcp.connection_refused"' in suite
    assert (tmp_path / "report.html").exists()
    assert (tmp_path / "annotated.pcapng").exists()
