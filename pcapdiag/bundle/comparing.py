"""The proof: what the bundle's capture shows of each connection is what the original shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pcapdiag.bundle.choosing import Chosen, first_label
from pcapdiag.bundle.parts import Frames, begin_of
from pcapdiag.model.report import Connection, Finding, PointLabel, Report, label_of

TOLERANCE = 0.05
"""How far a confidence may move."""
EPSILON = 1e-9
"""What floating-point numbers add to that."""


class Gist(msgspec.Struct, frozen=True):
    """What has to stay of a verdict; frames are those of the original capture."""

    code: str
    side: str
    party: str
    ended_by: str | None
    confidence: float
    side_confidence: float
    frames: tuple[str, ...]
    causes: tuple[str, ...]


class Difference(msgspec.Struct, frozen=True):
    """What differs: of which connection (its stream in the original, -1: of the whole)."""

    stream: int
    what: str
    before: str
    after: str

    @property
    def told(self) -> str:
        """In words; of codes and numbers only, never of what a packet holds."""
        where = f"stream {self.stream}" if self.stream >= 0 else "the capture"
        return f"{where}: {self.what} was {self.before}, in the bundle {self.after}"


class Match(msgspec.Struct, frozen=True):
    """One connection of the bundle and the same one in the original."""

    stream: int
    original_stream: int
    first_frame: int
    original_first_frame: int
    code: str
    original_code: str
    point: str | None = None
    """Whose numbers they are, of several capture points; null: of the first one, or the only."""


class Comparison(msgspec.Struct):
    """What came of comparing a bundle's report with the original one."""

    compared: int = 0
    differences: list[Difference] = []
    changed: list[Connection] = []
    """Connections whose verdict differs, as the original has them where it does."""
    not_found: list[Finding] = []
    """Failures of no connection's own that are not found any more."""
    not_shown: list[str] = []
    """Codes of other findings that the bundle does not show: they rest on what is not in it."""
    matches: list[Match] = []

    @property
    def holds(self) -> bool:
        """True where everything is as it was."""
        return not self.differences

    @property
    def about_parties(self) -> bool:
        """True where nothing differs but whose end is whose."""
        return bool(self.differences) and all(one.what == "party" for one in self.differences)


def compare(original: Report, bundle: Report, frames: Frames, chosen: Chosen) -> Comparison:
    """Compare each chosen connection, and each one that fails in the bundle, with the original.

    ``frames`` leads from the bundle's frames to the original's.
    """
    comparison = Comparison()
    first = first_label(original)
    here = {frames.original(*begin(one)): one for one in bundle.connections}
    for before in original.connections:
        place = begin_of(before, first)
        after = here.pop(place, None)
        wanted = place in chosen.begins
        if after is None:
            if wanted and before.verdict.failed:
                _note(comparison, before, [_missing(before)])
            continue
        if not (wanted or after.verdict.failed):
            continue
        comparison.compared += 1
        comparison.matches.append(_match(before, after))
        told = _differences(before.stream, _before(before, first), _after(after, frames))
        _note(comparison, before, list(told))
    for (_, frame), after in here.items():
        if after.verdict.failed:
            comparison.changed.append(after)
            comparison.differences.append(_appeared(frame, after))
    found = {finding.code for finding in bundle.findings}
    for finding in original.findings:
        if finding.code in chosen.must_find and finding.code not in found:
            comparison.not_found.append(finding)
            comparison.differences.append(Difference(-1, "a finding", finding.code, "not found"))
    codes = dict.fromkeys(finding.code for finding in original.findings)
    comparison.not_shown = [code for code in codes if code not in found]
    return comparison


def begin(connection: Connection) -> tuple[PointLabel, int]:
    """Return a connection's first frame, and whose number that is."""
    return connection.point, connection.first_frame


def _note(comparison: Comparison, connection: Connection, told: list[Difference]) -> None:
    if told:
        comparison.differences += told
        comparison.changed.append(connection)


def _match(before: Connection, after: Connection) -> Match:
    return Match(
        after.stream,
        before.stream,
        after.first_frame,
        before.first_frame,
        after.verdict.code,
        before.verdict.code,
        before.point if isinstance(before.point, str) else None,
    )


def _before(connection: Connection, first: str) -> Gist:
    def place(point: PointLabel, frame: int) -> str:
        return _place(label_of(point, first), frame)

    return _gist(connection, place)


def _after(connection: Connection, frames: Frames) -> Gist:
    def place(point: PointLabel, frame: int) -> str:
        return _place(*frames.original(point, frame))

    return _gist(connection, place)


def _place(label: str, frame: int) -> str:
    return f"{label} {frame}".strip()


def _gist(connection: Connection, place: Callable[[PointLabel, int], str]) -> Gist:
    verdict = connection.verdict
    who = verdict.attribution
    return Gist(
        verdict.code,
        who.side,
        who.party,
        verdict.ended_by,
        verdict.confidence,
        who.confidence,
        tuple(place(verdict.point, frame) for frame in verdict.frames),
        tuple(f"{one.code} at frame {place(one.point, one.frame)}" for one in connection.causes),
    )


def _differences(stream: int, before: Gist, after: Gist) -> Iterator[Difference]:
    for what in ("code", "side", "party", "ended_by", "frames", "causes"):
        one, other = getattr(before, what), getattr(after, what)
        if one != other:
            yield Difference(stream, what.replace("_", " "), _told(one), _told(other))
    for what in ("confidence", "side_confidence"):
        one, other = getattr(before, what), getattr(after, what)
        if abs(one - other) > TOLERANCE + EPSILON:
            name = "confidence of the code" if what == "confidence" else "confidence of the side"
            yield Difference(stream, name, f"{one:.2f}", f"{other:.2f}")


def _told(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return str(value) if value is not None else "none"


def _missing(before: Connection) -> Difference:
    return Difference(before.stream, "code", before.verdict.code, "no failure")


def _appeared(first: int, after: Connection) -> Difference:
    what = f"the connection that begins at frame {first}"
    return Difference(-1, what, "no failure", after.verdict.code)
