"""All finders see every connection of a report and change none."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.findings.registry import FINDERS, Entry, Finders
from pcapdiag.model.fleet import Fleet
from tests.report.fabricate import healthy, refused

pytestmark = pytest.mark.once


def test_connections_pass_by_unchanged() -> None:
    connections = [healthy(), healthy()]
    assert list(Finders().watch(connections)) == connections


@pytest.mark.parametrize("entry", FINDERS, ids=lambda entry: entry.module)
def test_what_a_finder_needs_only_spares_it(entry: Entry) -> None:
    finder = entry.make()
    finder.look(refused())
    if not entry.needs(Fleet()):
        assert finder.findings(Fleet()) == []
