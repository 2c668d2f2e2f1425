"""Who did it: evidence for and against each side, weighed to a calibrated confidence.

docs/attribution.md explains how. ``attribute`` is for a verdict, ``attribute_reset`` for one RST.
"""

from pcapdiag.diagnose.attribution.attribute import attribute
from pcapdiag.diagnose.attribution.resets import attribute_reset

__all__ = ["attribute", "attribute_reset"]
