"""Every error that pcapdiag raises on purpose: one flat tree, each with a line for the user."""

from __future__ import annotations


class PcapdiagError(Exception):
    """Base of all errors meant for the user; ``str()`` is one line: what is wrong, then what to do.

    ``message`` says what is wrong, ``advice`` what to do about it (empty where nothing can be
    said).
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}: {self.advice}" if self.advice else self.message


class UsageError(PcapdiagError):
    """Options or arguments that make no sense together."""


class OutputError(PcapdiagError):
    """A result could not be written (exit status 3)."""


class ClusterError(PcapdiagError):
    """A cluster that others run is not there, or not any more (exit status 3)."""


class ProofError(PcapdiagError):
    """A bundle would not show what its original shows, or hold what it must not (exit status 3)."""


class CaptureError(PcapdiagError):
    """An input that cannot be read; ``byte`` is where, or None where no byte is to blame.

    ``byte`` counts from 0 in the file, after decompression.
    """

    def __init__(self, path: str, message: str, advice: str = "", byte: int | None = None) -> None:
        super().__init__(message, advice)
        self.path = path
        self.byte = byte

    @property
    def told(self) -> str:
        """What is wrong and what to do, without the file's name."""
        text = super().__str__()
        return text if self.byte is None else f"byte {self.byte}: {text}"

    def __str__(self) -> str:
        return f"{self.path}: {self.told}"


class FileAccessError(CaptureError):
    """The file is missing, may not be read, or is a directory."""


class NotACaptureError(CaptureError):
    """The content is neither pcap nor pcapng, or there is no content."""


class LinkTypeError(CaptureError):
    """All packets are of a kind of network that is not read."""


class DamagedCaptureError(CaptureError):
    """A capture that breaks off or lies about a length; what comes before ``byte`` is good."""

    byte: int

    def __init__(self, path: str, message: str, advice: str = "", byte: int = 0) -> None:
        super().__init__(path, message, advice, byte)


class SanitizeError(PcapdiagError):
    """What must not be handed on cannot be replaced (exit status 3)."""
