"""What both programs' lists of rules become: those that drop or reject, and how often."""

from __future__ import annotations

import msgspec

from pcapdiag.model.snapshot import Rule

MAX_TEXT = 500
"""Characters of a rule's text."""
MAX_VALUES = 100
"""Networks or ports of one rule; with more it counts as one with further conditions."""


class Found(msgspec.Struct):
    """The rules of one list."""

    rules: list[Rule] = []
    counts: dict[str, int] = {}
    tables: list[str] = []
    total: int = 0

    def add(self, rule: Rule, packets: int | None) -> None:
        """Take a rule and what it counted; None where it has no counter."""
        rule.counted = packets is not None
        rule.text = rule.text[:MAX_TEXT]
        for values in (rule.sources, rule.destinations, rule.source_ports, rule.destination_ports):
            if len(values) > MAX_VALUES:
                values.clear()
                rule.partly = True
        self.rules.append(rule)
        if packets is not None:
            self.counts[rule.id] = packets
