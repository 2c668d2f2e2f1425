"""Ratios fitted on the lab's captures by ``scripts/fit --write``, with the counts behind them."""

from __future__ import annotations

from typing import NamedTuple


class Fitted(NamedTuple):
    """A signal's ratio; in how many scenarios of how many it fired where it was true, and not.

    A scenario counts once, with the share of its RSTs (or failures) that showed the signal.
    """

    ratio: float
    seen_true: float
    true: int
    seen_false: float
    false: int


FITTED: dict[str, Fitted] = {
    "ttl_same": Fitted(3.6, 79.3, 118, 4.0, 15),
    "ttl_same_once": Fitted(2.0, 17.5, 94, 0.0, 13),
    "ttl_on_link": Fitted(10.0, 2.0, 3, 0.0, 29),
    "ttl_other_system": Fitted(10.0, 2.0, 12, 0.0, 92),
    "ttl_differs": Fitted(20.0, 7.0, 12, 0.0, 92),
    "ttl_shared": Fitted(100.0, 1.0, 11, 0.0, 82),
    "mac_differs": Fitted(20.0, 1.0, 2, 0.0, 27),
    "left_captured_host": Fitted(1000.0, 8.1, 82, 0.0, 11),
    "captured_at_sender": Fitted(100.0, 7.1, 82, 0.0, 11),
    "captured_near_sender": Fitted(20.0, 33.1, 118, 0.0, 15),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 2, 0.0, 27),
    "ip_id_continuous": Fitted(17.0, 61.9, 106, 2.0, 13),
    "ip_id_off": Fitted(5.0, 5.0, 11, 0.0, 82),
    "ip_id_taken": Fitted(20.0, 1.0, 11, 0.0, 82),
    "flow_label_same": Fitted(5.0, 8.0, 10, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 10),
    "live_socket": Fitted(20.0, 67.7, 116, 0.0, 14),
    "live_socket_plain": Fitted(2.5, 1.0, 82, 2.0, 11),
    "seq_exact": Fitted(1.5, 14.0, 116, 0.5, 14),
    "seq_ahead": Fitted(20.0, 0.0, 11, 0.2, 82),
    "seq_answers": Fitted(1.4, 0.7, 82, 4.5, 11),
    "too_fast": Fitted(20.0, 5.5, 12, 0.0, 92),
    "too_fast_ack": Fitted(100.0, 2.5, 11, 0.0, 82),
    "usual_rtt": Fitted(3.0, 2.8, 118, 0.0, 15),
    "usual_rtt_short": Fitted(1.2, 16.4, 118, 2.0, 15),
    "works_at_once": Fitted(5.0, 1.7, 106, 0.0, 13),
    "data_after": Fitted(100.0, 4.5, 11, 0.0, 82),
    "acks_after": Fitted(20.0, 2.5, 12, 0.0, 92),
    "reset_both": Fitted(100.0, 1.7, 11, 0.0, 82),
    "reached_near": Fitted(20.0, 3.5, 9, 0.0, 9),
    "icmp_from_end": Fitted(1000.0, 1.0, 1, 0.0, 1),
    "icmp_from_path": Fitted(1000.0, 6.0, 6, 0.0, 1),
}
