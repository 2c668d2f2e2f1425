"""One connection, judged with all points at which it was captured."""

from pcapdiag.diagnose.points.judge import Opinion as Opinion
from pcapdiag.diagnose.points.judge import Outcome as Outcome
from pcapdiag.diagnose.points.judge import judge_points as judge_points
