"""What the lab installs for itself."""

from __future__ import annotations

import os
import shutil

import pytest

from failurelab import environment


def test_only_a_run_needs_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "install_programs", lambda: pytest.fail("installs"))
    for command in ("list", "check", "score", "readme"):
        environment.enter([command])


def test_says_what_is_missing_where_it_may_not_install(monkeypatch: pytest.MonkeyPatch) -> None:
    there = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "haproxy" else there("sh"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(environment.SetupError, match="haproxy"):
        environment.install_programs()
