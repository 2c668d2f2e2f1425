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
    "ttl_same": Fitted(3.4, 86.3, 125, 6.0, 20),
    "ttl_same_once": Fitted(2.0, 17.5, 100, 0.0, 17),
    "ttl_on_link": Fitted(10.0, 5.0, 19, 0.0, 115),
    "ttl_other_system": Fitted(10.0, 2.0, 16, 0.0, 98),
    "ttl_differs": Fitted(20.0, 7.0, 16, 0.0, 98),
    "ttl_shared": Fitted(100.0, 1.0, 15, 0.0, 88),
    "mac_differs": Fitted(20.0, 1.0, 3, 0.0, 28),
    "left_captured_host": Fitted(1000.0, 8.6, 88, 0.0, 15),
    "captured_at_sender": Fitted(100.0, 7.6, 88, 0.0, 15),
    "captured_near_sender": Fitted(20.0, 35.6, 125, 0.0, 20),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 3, 0.0, 28),
    "ip_id_continuous": Fitted(18.0, 65.9, 113, 2.0, 18),
    "ip_id_off": Fitted(5.0, 5.0, 15, 0.0, 88),
    "ip_id_taken": Fitted(20.0, 3.0, 15, 0.0, 88),
    "ip_id_shared": Fitted(5.0, 1.0, 15, 0.0, 88),
    "flow_label_same": Fitted(5.0, 8.0, 10, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 10),
    "live_socket": Fitted(20.0, 71.7, 123, 0.0, 19),
    "live_socket_plain": Fitted(2.5, 1.0, 88, 2.0, 15),
    "seq_exact": Fitted(1.5, 14.0, 123, 0.5, 19),
    "seq_ahead": Fitted(20.0, 0.0, 15, 0.2, 88),
    "seq_answers": Fitted(1.4, 0.7, 88, 4.5, 15),
    "too_fast": Fitted(20.0, 5.5, 16, 0.0, 98),
    "too_fast_ack": Fitted(100.0, 2.5, 15, 0.0, 88),
    "usual_rtt": Fitted(3.0, 3.8, 125, 0.0, 20),
    "usual_rtt_short": Fitted(1.1, 17.9, 125, 4.0, 20),
    "name_filtered": Fitted(2.0, 0.5, 15, 0.0, 88),
    "works_at_once": Fitted(5.0, 1.0, 88, 0.0, 15),
    "data_after": Fitted(100.0, 6.5, 15, 0.0, 88),
    "acks_after": Fitted(20.0, 2.5, 16, 0.0, 98),
    "reset_both": Fitted(100.0, 1.7, 15, 0.0, 88),
    "reached_near": Fitted(20.0, 4.5, 11, 0.0, 10),
    "icmp_from_end": Fitted(1000.0, 1.0, 1, 0.0, 2),
    "icmp_from_path": Fitted(1000.0, 7.0, 7, 0.0, 1),
}
