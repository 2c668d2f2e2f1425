"""Outcomes of captures that could not be examined, and their reasons."""

from __future__ import annotations

import signal

from pcapdiag import __version__
from pcapdiag.model.report_outcome import OutcomeStatus
from pcapdiag.triage.capture import public_name
from pcapdiag.triage.limits import Limits
from pcapdiag.triage.outcome import FileIdentity, Outcome
from pcapdiag.triage.task import Task


def blank(task: Task, identities: list[FileIdentity]) -> Outcome:
    """Return an outcome of which nothing is known yet but what it is of."""
    return Outcome(
        status="error", identities=identities, options=task.fingerprint, version=__version__
    )


def over_memory(limits: Limits) -> str:
    """Return what is said of a capture that took too much memory."""
    return f"it needs more memory than --memory allows ({(limits.memory or 0) // 1024**2} MB)"


def over_time(limits: Limits) -> str:
    """Return what is said of a capture that took too long."""
    return f"it takes longer than --timeout allows ({limits.timeout:g} s)"


def died(returned: int) -> str:
    """Return what is said of a process that ended by itself; negative is a signal."""
    if returned >= 0:
        return f"its process ended with status {returned}"
    try:
        name = signal.Signals(-returned).name
    except ValueError:
        name = "unknown"
    hint = "; was memory short?" if name == "SIGKILL" else ""
    return f"its process was ended by signal {-returned} ({name}){hint}"


def failed(
    outcome: Outcome, reason: str, *, status: OutcomeStatus = "error", transient: bool = False
) -> Outcome:
    """Return an outcome turned into one of a capture that could not be examined."""
    outcome.status = status
    outcome.reason = public_name(reason)
    outcome.transient = transient
    return outcome
