"""``pcapdiag probe``: targets, options that make no sense, exit status, outputs, ^C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from docsite import schema
from failurelab.certs import Authority
from pcapdiag.cli.main import cli
from pcapdiag.diagnose.pages import codes
from tests.probe.servers import over_tls, say, serving, tls_context

pytestmark = pytest.mark.once

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "probe.schema.json").read_text(encoding="utf-8"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["probe", *arguments])


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://api.example.com/v1/x", "is a URL: write api.example.com:443 --http /v1/x"),
        ("http://[::1]:8080/", "is a URL: write [::1]:8080"),
        ("ftp://x/", "is a URL: write HOST:PORT"),
        ("https://x:99999/", "is a URL: write HOST:PORT"),
    ],
)
def test_what_to_write_in_the_place_of_a_url_is_said(url: str, said: str) -> None:
    done = run(url)
    assert done.exit_code == 2
    assert done.output.rstrip().endswith(said)


@pytest.mark.parametrize(
    "arguments",
    [
        ["localhost"],
        ["localhost:0"],
        ["localhost:70000"],
        ["https://localhost:443"],
        ["::1:443"],
        [":443"],
        ["-x:443"],
        ["a b:443"],
        ["localhost:443", "--address", "localhost"],
        ["localhost:443", "--sni", "a;b"],
        ["localhost:443", "--sni", "a" * 70 + ".example"],
        ["a..b:443"],
        ["localhost:443", "--alpn", ""],
        ["localhost:443", "--timeout", "0.1"],
        ["localhost:443", "--http", "no-slash"],
        ["localhost:443", "--http", "/ HTTP/1.1\r\nx: y"],
        ["localhost:443", "--http-host", "x"],
        ["localhost:443", "--client-key", "k.pem"],
        ["localhost:443", "--no-tls", "--sni", "x"],
        ["localhost:443", "--ca", "no-such-file.pem"],
        ["localhost:443", "--client-cert", "no-such-file.pem"],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_an_encrypted_key_is_refused_and_not_asked_for(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    made = Authority(tmp_path).issue("client", client=True)
    key = load_pem_private_key(made.key.read_bytes(), None)
    secret = tmp_path / "secret.key"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hunter2"),
        )
    )
    result = run("127.0.0.1:1", "--client-cert", str(made.cert), "--client-key", str(secret))
    assert result.exit_code == 2
    assert "encrypted" in result.output


def test_refused(closed_port: int) -> None:
    result = run(f"127.0.0.1:{closed_port}", "--width", "100")
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith(f"FAILED  1 of 1 check of 127.0.0.1:{closed_port} from here at ")
    assert lines[1].startswith("WHAT    TCP: refused: ")
    assert "tcp.connection_refused" in lines[1]
    assert "WHO     127.0.0.1, this host itself" in lines, "no device lies between"
    assert f"nc -vz -w 3 127.0.0.1 {closed_port}" in result.output


def test_all_is_well() -> None:
    with serving(say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as server:
        result = run(server.target, "--no-tls", "--http", "/")
    assert result.exit_code == 0
    assert result.output.startswith("OK ")
    assert "HTTP/1.1 status 200" in result.output


def documents(tmp_path: Path, closed_port: int) -> list[dict[str, Any]]:
    authority = Authority(tmp_path)
    ca = str(authority.cert)
    context = tls_context(authority.issue("127.0.0.1"), alpn=["h2"], client_ca=ca)
    with serving(over_tls(context)) as server:
        outputs = [
            run(server.target, "--ca", ca, "--http2", "--format", "json").output,
            run(f"127.0.0.1:{closed_port}", "--format", "json").output,
            run("no-such-name.invalid:1", "--format", "json").output,
            run(server.target, "--proxy-protocol", "--format", "json").output,
        ]
    return [json.loads(text) for text in outputs]


def test_json_is_as_the_schema_says(tmp_path: Path, closed_port: int) -> None:
    for document in documents(tmp_path, closed_port):
        jsonschema.validate(document, SCHEMA)
        assert document["schema"] == "pcapdiag-probe/1"
        for check in document["checks"]:
            if check["verdict"]:
                assert check["verdict"]["code"] in codes()
        _only_known(document, SCHEMA, "")


def _only_known(value: Any, node: dict[str, Any], path: str) -> None:  # noqa: ANN401
    if isinstance(value, dict) and "properties" in node:
        for name, member in value.items():
            assert name in node["properties"], f"{path}.{name}"
            _only_known(member, node["properties"][name], f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            _only_known(member, node.get("items", {}), path + "[]")
    elif isinstance(value, dict) and "anyOf" in node:
        _only_known(value, next(one for one in node["anyOf"] if "properties" in one), path)


def test_every_member_is_told() -> None:
    assert [p for p, m in schema.members({**SCHEMA, "$defs": {}}) if not m.get("description")] == []


def test_output_into_a_file(tmp_path: Path, closed_port: int) -> None:
    path = tmp_path / "probe.json"
    result = run(f"127.0.0.1:{closed_port}", "--format", "json", "-o", str(path))
    assert (result.exit_code, result.output) == (1, "")
    assert json.loads(path.read_text())["status"] == "failed"


def test_a_name_of_both_families(closed_port: int) -> None:
    document = json.loads(run(f"localhost:{closed_port}", "--format", "json").output)
    dns, *tcp = document["checks"]
    assert (dns["name"], dns["status"]) == ("dns", "ok")
    assert [one["family"] for one in dns["facts"]["lookups"]] == ["ipv4", "ipv6"]
    found = [address for one in dns["facts"]["lookups"] for address in one["addresses"]]
    assert sorted(re.sub(r":\d+$", "", one["address"]).strip("[]") for one in tcp) == sorted(found)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupted_it_tells_what_it_knows() -> None:
    silent: list[socket.socket] = []

    def wait(connection: socket.socket) -> None:
        silent.append(connection)
        connection.recv(4096)
        connection.recv(1)

    with serving(wait) as server:
        program = subprocess.Popen(
            [sys.executable, "-m", "pcapdiag", "probe", server.target, "--tls", "--timeout", "30"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while server.accepted < 2:
                assert program.poll() is None
            program.send_signal(signal.SIGINT)
            output, error = program.communicate(timeout=60)
        finally:
            program.kill()
            program.wait()
    assert program.returncode == 130
    assert "interrupted" in output.splitlines()[0]
    assert "connected in" in output
    assert "Traceback" not in error
