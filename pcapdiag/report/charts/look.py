"""How pictures look: colours by meaning, sizes of text, the width of the page."""

from __future__ import annotations

from typing import Literal

import msgspec

from pcapdiag.model.report import Connection, Party
from pcapdiag.report import palette
from pcapdiag.report.clock import Clock
from pcapdiag.report.palette import Shade

Form = Literal["png", "svg", "pdf"]

POINTS_PER_INCH = 72
MARGIN = 26.0
TITLE, BODY, SMALL = 14.0, 8.5, 7.5
"""Sizes of text, points: at the default width the smallest is still read on A4 paper."""
LINE = 1.38
"""Distance of two lines of text, in sizes of it."""
TINT = 0.1
"""How much of a colour a background has that says the same thing quietly."""


class Look(msgspec.Struct, frozen=True):
    """What the user chose of a picture's looks: width in inches, colours, how times are written."""

    width: float = 10.0
    dark: bool = False
    clock: Clock = Clock()

    @property
    def points(self) -> float:
        """Width of the page, points."""
        return self.width * POINTS_PER_INCH

    def colour(self, shade: Shade) -> str:
        """Return a colour for this paper."""
        return shade.dark if self.dark else shade.light

    def party(self, party: str) -> str:
        """Return the colour of a party; that of the unknown one for any other word."""
        return self.colour(_PARTIES.get(party, palette.PARTY["unknown"]))

    def tint(self, colour: str, share: float = TINT) -> str:
        """Return the paper with a touch of a colour."""
        paper = self.colour(palette.PAPER)
        mixed = (
            round(int(colour[i : i + 2], 16) * share + int(paper[i : i + 2], 16) * (1 - share))
            for i in (1, 3, 5)
        )
        return "#" + "".join(f"{part:02x}" for part in mixed)

    @property
    def ink(self) -> str:
        """Colour of text and of what is as it should be."""
        return self.colour(palette.INK)

    @property
    def muted(self) -> str:
        """Colour of what stands back."""
        return self.colour(palette.MUTED)

    @property
    def rule(self) -> str:
        """Colour of lines that only guide the eye."""
        return self.colour(palette.RULE)

    @property
    def paper(self) -> str:
        """Colour behind everything."""
        return self.colour(palette.PAPER)

    @property
    def panel(self) -> str:
        """Colour behind a part."""
        return self.colour(palette.PANEL)

    @property
    def bad(self) -> str:
        """Colour of resets and of what went wrong."""
        return self.colour(palette.FAILED)

    @property
    def warning(self) -> str:
        """Colour of what is worth a look."""
        return self.colour(palette.WARNING)

    @property
    def good(self) -> str:
        """Colour of what worked."""
        return self.colour(palette.WORKED)


_PARTIES: dict[str, Shade] = {str(party): shade for party, shade in palette.PARTY.items()}


def party_of(connection: Connection, side: str) -> Party:
    """Return which party a side of a connection is, by the roles of its ends."""
    if side == "path":
        return "middlebox"
    return connection.endpoint(side).role
