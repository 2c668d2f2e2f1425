"""A page that keeps what the terminal's writers say as labelled rows, for a page with a layout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from pcapdiag.report.layout import Page

Kind = Literal["text", "list", "commands", "verbatim"]


class Slip(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One label of a failure or finding and what stands beside it."""

    label: str
    kind: Kind = "text"
    texts: list[str] = []
    """Paragraphs, list items, commands or lines, by ``kind``."""
    right: str = ""
    """What the terminal shows at the right edge: a code, how sure."""


class SlipPage(Page, frozen=True):
    """Takes what :class:`~pcapdiag.report.entry.EntryWriter` writes; yields no line itself.

    It stands in for a Page, so its methods have arguments that only lines of text need.

    A row without a label, or with the same one, continues the one before.
    """

    slips: list[Slip] = msgspec.field(default_factory=list)

    def labelled(self, label: str, text: str, style: str = "label") -> Iterator[str]:  # noqa: ARG002
        """Keep a label and its text; display filters become what can be copied."""
        if label == "SEE":
            for slip in _filters(text):
                self._keep(slip)
            return iter(())
        return self._keep(Slip(label=label, texts=[text]))

    def hanging(self, label: str, text: str, hang: int) -> Iterator[str]:  # noqa: ARG002
        """Keep a label and its text; columns that blanks part get a dot between them."""
        return self._keep(Slip(label=label, texts=[" \u00b7 ".join(text.strip().split("  "))]))

    def with_right(
        self,
        label: str,
        text: str,
        right: str,
        style: str = "label",  # noqa: ARG002
    ) -> Iterator[str]:
        """Keep a label, its text, and what belongs at the right."""
        return self._keep(Slip(label=label, texts=[text], right=right))

    def numbered(self, label: str, items: list[str]) -> Iterator[str]:
        """Keep a numbered list."""
        return self._keep(Slip(label=label, kind="list", texts=items))

    def verbatim(self, label: str, items: list[str]) -> Iterator[str]:
        """Keep lines whose columns matter."""
        return self._keep(Slip(label=label, kind="verbatim", texts=items))

    def commands(self, label: str, items: list[str]) -> Iterator[str]:
        """Keep commands that can be copied."""
        return self._keep(Slip(label=label, kind="commands", texts=items))

    def cut(self, line: str) -> str:
        """Return a line whole: the page scrolls it."""
        return line

    def _keep(self, slip: Slip) -> Iterator[str]:
        last = self.slips[-1] if self.slips else None
        if last and _continues(slip, last):
            last.texts += slip.texts
        else:
            self.slips.append(slip)
        return iter(())


_FILTER = re.compile(r"(?:([\w.-]+): )?(tcp\.stream(?:==\d+| in \{[\d, ]+\}))(.*)")


def _filters(text: str) -> Iterator[Slip]:
    """Yield each display filter (with its point at the right), and what stands beside them."""
    for part in text.split("   "):
        found = _FILTER.fullmatch(part)
        if found:
            yield Slip(label="SEE", kind="commands", texts=[found[2]], right=found[1] or "")
        beside = (found[3] if found else part).strip()
        if beside:
            yield Slip(label="SEE", texts=[beside])


def _continues(slip: Slip, last: Slip) -> bool:
    if slip.kind != last.kind or slip.right:
        return False
    return not slip.label or (slip.label == last.label and not last.right)


def slips_of(lines: Iterator[str], page: SlipPage) -> list[Slip]:
    """Return what a writer on ``page`` says, and clear the page for the next."""
    for _ in lines:
        pass
    kept = list(page.slips)
    page.slips.clear()
    return kept
