"""Reads captures: files, rotated sets and standard input, plain or compressed, as one stream."""

from pcapdiag.capture.batch import Batch, Interface
from pcapdiag.capture.capture import Capture
from pcapdiag.capture.facts import FileFacts

__all__ = ["Batch", "Capture", "FileFacts", "Interface"]
