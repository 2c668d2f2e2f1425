"""The rest of the RST's IP header: DF, TOS, IPv6 flow label (measured)."""

from __future__ import annotations

from pcapdiag.diagnose.attribution.signal import Signal, signal
from pcapdiag.diagnose.attribution.view import ResetView

DSCP = 0xFC
"""The bits of TOS (traffic class) that are not ECN."""
ECN = 0x03
ENOUGH = 2


def dont_fragment(view: ResetView) -> Signal | None:
    """Find a RST without DF on a flow where the end always sets it."""
    if view.story.ip_version != 4 or view.reset.df or len(view.earlier) < ENOUGH:
        return None
    if not all(p.df for p in view.earlier):
        return None
    detail = f"{view.word} has DF clear; {view.end.address}'s other packets have it set"
    return signal("df_clear", "path", detail, (view.reset.frame,))


def type_of_service(view: ResetView) -> Signal | None:
    """Compare TOS with the packet that the RST answers: kernels copy it, filters send 0."""
    trigger = view.trigger
    if trigger is None or not trigger.tos & DSCP or _looks_live(view):
        return None
    own = {p.tos & DSCP for p in view.earlier}
    frames = (trigger.frame, view.reset.frame)
    if view.reset.tos & DSCP == trigger.tos & DSCP:
        if trigger.tos & DSCP in own:
            return None
        detail = f"RST has TOS {view.reset.tos:#04x} copied from its trigger, as host kernels do"
        return signal("tos_reflected", view.side, detail, frames)
    if view.reset.tos & DSCP or own - {trigger.tos & DSCP}:
        return None
    detail = (
        f"RST has TOS 0 although its trigger had {trigger.tos:#04x}: a filter's REJECT "
        "(on the host or before it), or marks cleared on the way"
    )
    return signal("tos_zero", "path", detail, frames)


def congestion_bits(view: ResetView) -> Signal | None:
    """Find ECN bits (RFC 3168) in a RST of which no other packet of that end has any."""
    trigger = view.trigger
    if not view.reset.tos & ECN or trigger is None or not view.earlier:
        return None
    if trigger.tos & ECN or any(p.tos & ECN for p in view.earlier):
        return None
    detail = f"RST has ECN bits (TOS {view.reset.tos:#04x}) on a connection that does not use them"
    return signal("ecn_odd", "path", detail, (view.reset.frame,))


def flow_label(view: ResetView) -> Signal | None:
    """Compare the IPv6 flow label with the end's other packets."""
    labels = {p.flow_label for p in view.earlier if p.flow_label}
    if view.story.ip_version != 6 or len(labels) != 1:
        return None
    label = next(iter(labels))
    frames = (view.reset.frame,)
    if view.reset.flow_label == label:
        detail = f"{view.word} has the flow's own label {label:#x}"
        return signal("flow_label_same", view.side, detail, frames)
    if view.reset.flow_label == 0:
        detail = f"{view.word} has flow label 0, the flow's own is {label:#x}: filters send 0"
        return signal("flow_label_zero", "path", detail, frames)
    return None


def _looks_live(view: ResetView) -> bool:
    return view.reset.has_ack and view.reset.window > 0
