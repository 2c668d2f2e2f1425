"""One reading of a capture: its batches followed by a tracker, its secrets taken up on the way."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from pcapdiag.capture import Batch, Capture
from pcapdiag.decode.fragments import Fragments
from pcapdiag.decode.rows import Rows
from pcapdiag.flow.records import Flow
from pcapdiag.flow.tracker import Tracker
from pcapdiag.incident.reading import Readers
from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.protocols.tls.keylog import KeyLog

if TYPE_CHECKING:
    from pcapdiag.correlate.secrets import KeyLogFile


class Following:
    """Follows the packets of a capture; ``ended`` is asked about connections as they end."""

    def __init__(
        self, capture: Capture, options: AnalyzeOptions, ended: Callable[[Flow], object]
    ) -> None:
        self.capture = capture
        self.fragments = Fragments()
        seed = int.from_bytes(os.urandom(7), "little")
        capture.prepare = partial(Rows, seed)
        self.tracker = Tracker(ended, True, seed)
        self.tracker.reassemble = self.fragments.add
        self.keys = KeyLog()
        self.readers = Readers(self.tracker, self.keys)
        self._use_secrets = options.use_secrets
        self._key_file: KeyLogFile | None = None
        if options.use_secrets and options.keylog:
            from pcapdiag.correlate.secrets import KeyLogFile  # Only here: most runs have none.

            self._key_file = KeyLogFile(options.keylog, self.keys)
        self._interfaces = capture.interfaces
        self._secrets = capture.metadata.secrets
        self._secrets_taken = 0
        self._link_types = array("q")
        self._files = array("q")

    def take(self, batch: Batch) -> None:
        """Follow the packets of a batch; connections that ended are asked about on the way."""
        if len(self._interfaces) > len(self._link_types):
            self._meet_interfaces()
        if self._key_file is not None or len(self._secrets) > self._secrets_taken:
            self._learn_secrets()
        self.tracker.process(batch, self._link_types, self._files)

    def _meet_interfaces(self) -> None:
        fresh = self._interfaces[len(self._link_types) :]
        # The tracker looks into the arrays it has: they can be replaced, but cannot grow.
        self._link_types = self._link_types + array("q", [one.link_type for one in fresh])
        self._files = self._files + array("q", [one.file for one in fresh])

    def _learn_secrets(self) -> None:
        """Take up what the key log and the capture's own secrets have come to hold."""
        if self._key_file is not None:
            self._key_file.look_again()
        if self._use_secrets:
            for text in self._secrets[self._secrets_taken :]:
                self.keys.add(text)
        self._secrets_taken = len(self._secrets)
        if self.keys or self._key_file is not None:
            self.tracker.lanes.has_secrets = 1
