"""The lane that scripts/test says it runs is the lane that runs."""

from __future__ import annotations

import importlib
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.compiled import COMPILED_MODULES, is_compiled

LANE = os.environ.get("PCAPDIAG_LANE", "")


@pytest.mark.parametrize("name", COMPILED_MODULES)
def test_the_module_is_loaded_as_the_lane_says(name: str) -> None:
    origin = importlib.import_module(name).__file__ or ""
    assert origin.endswith(tuple(EXTENSION_SUFFIXES)) == is_compiled()
    if LANE:
        assert is_compiled() == (LANE == "compiled")


def test_types_are_shipped() -> None:
    assert (Path(pcapdiag.__file__).parent / "py.typed").is_file()
