"""The colours of every picture, so that a party looks the same in a page, a chart and a slide.

Each is told apart by people who see red and green alike (after Okabe and Ito, "Color Universal
Design", 2008), and never alone: whatever a colour says, a word or a shape says too.
"""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Party


class Shade(msgspec.Struct, frozen=True):
    """A colour for light paper and for dark screens, as ``#rrggbb``."""

    light: str
    dark: str


PARTY: dict[Party, Shade] = {
    "client": Shade("#0b6bb3", "#56b4e9"),
    "proxy": Shade("#7a4fb5", "#b794f6"),
    "upstream": Shade("#ad5600", "#f0a04b"),
    "middlebox": Shade("#a8327a", "#e879b9"),
    "unknown": Shade("#5f6b7a", "#9aa5b4"),
}
FAILED = Shade("#b3261e", "#ff7b72")
WARNING = Shade("#8a6100", "#e3b341")
WORKED = Shade("#0a7a55", "#3fb98a")
INK = Shade("#1c2430", "#e6eaf0")
MUTED = Shade("#5b6675", "#9aa5b4")
RULE = Shade("#d5dbe3", "#333c48")
PAPER = Shade("#ffffff", "#12161c")
PANEL = Shade("#f5f7fa", "#1a2029")
