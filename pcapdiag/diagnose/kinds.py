"""Every kind of verdict by its code, for texts about all of them.

An analysis asks the registry instead, which loads what the capture needs.
"""

from __future__ import annotations

from pcapdiag.diagnose.registry import kinds

KINDS = kinds()
"""In the order in which they are tried."""
