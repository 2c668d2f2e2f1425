"""A log's own format goes into a bundle with it, and the command that reads both is told whole."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from pcapdiag.bundle.log_format import format_of
from pcapdiag.bundle.logs import LogExtract
from pcapdiag.bundle.readme import wrapped
from pcapdiag.logs.configuration import formats_in
from pcapdiag.model.logs import LogSource

pytestmark = pytest.mark.once


def test_of_several_formats_of_one_name_the_one_in_use_comes_along(tmp_path: Path) -> None:
    texts = ["%RESPONSE_CODE% [%START_TIME%]", "[%START_TIME%] %RESPONSE_FLAGS%\n"]
    logs = [{"log_format": {"text_format_source": {"inline_string": text}}} for text in texts]
    path = tmp_path / "envoy.json"
    path.write_text(json.dumps({"listeners": logs}))
    source = LogSource(product="envoy", path="access.log", form=str(path))
    named = dict(formats_in("envoy", str(path)))
    assert list(named) == ["inline_string", "inline_string 2"]
    for name, form in named.items():
        assert format_of(source, f"{name} in {path}") == str(form).strip()


def test_a_format_is_a_member_and_the_command_names_it() -> None:
    source = LogSource(product="envoy", path="a.log", form="[%START_TIME%] token=%RESPONSE_CODE%")
    log = LogExtract("logs/envoy-1.log", source, ["x"], 1, source.form)
    assert log.argument() == "envoy:logs/envoy-1.log.format=logs/envoy-1.log"
    assert log.read_as("b").form == source.form


def test_a_long_command_is_told_whole() -> None:
    logs = [f"--log envoy:logs/envoy-{n}.log.format=logs/envoy-{n}.log" for n in range(40)]
    command = " ".join(["pcapdiag", "analyze", "capture.pcapng", *logs, "--all"])
    lines = wrapped(command)
    assert max(map(len, lines)) < 100
    assert shlex.split("\n".join(lines).replace("\\\n", "")) == shlex.split(command)
