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
    "ttl_same": Fitted(3.3, 85.3, 124, 6.0, 18),
    "ttl_same_once": Fitted(2.0, 17.5, 99, 0.0, 15),
    "ttl_on_link": Fitted(10.0, 3.0, 4, 0.0, 30),
    "ttl_other_system": Fitted(10.0, 2.0, 14, 0.0, 97),
    "ttl_differs": Fitted(20.0, 7.0, 14, 0.0, 97),
    "ttl_shared": Fitted(100.0, 1.0, 13, 0.0, 87),
    "mac_differs": Fitted(20.0, 1.0, 3, 0.0, 28),
    "left_captured_host": Fitted(1000.0, 8.6, 87, 0.0, 13),
    "captured_at_sender": Fitted(100.0, 7.6, 87, 0.0, 13),
    "captured_near_sender": Fitted(20.0, 35.6, 124, 0.0, 18),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 3, 0.0, 28),
    "ip_id_continuous": Fitted(17.0, 65.9, 112, 2.0, 16),
    "ip_id_off": Fitted(5.0, 5.0, 13, 0.0, 87),
    "ip_id_taken": Fitted(20.0, 3.0, 13, 0.0, 87),
    "ip_id_shared": Fitted(5.0, 1.0, 13, 0.0, 87),
    "flow_label_same": Fitted(5.0, 8.0, 10, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 10),
    "live_socket": Fitted(20.0, 71.7, 122, 0.0, 17),
    "live_socket_plain": Fitted(2.5, 1.0, 87, 2.0, 13),
    "seq_exact": Fitted(1.5, 14.0, 122, 0.5, 17),
    "seq_ahead": Fitted(20.0, 0.0, 13, 0.2, 87),
    "seq_answers": Fitted(1.4, 0.7, 87, 4.5, 13),
    "too_fast": Fitted(20.0, 5.5, 14, 0.0, 97),
    "too_fast_ack": Fitted(100.0, 2.5, 13, 0.0, 87),
    "usual_rtt": Fitted(3.0, 2.8, 124, 0.0, 18),
    "usual_rtt_short": Fitted(1.2, 17.9, 124, 3.0, 18),
    "name_filtered": Fitted(2.0, 0.5, 13, 0.0, 87),
    "works_at_once": Fitted(4.6, 2.7, 112, 1.0, 16),
    "data_after": Fitted(100.0, 6.5, 13, 0.0, 87),
    "acks_after": Fitted(20.0, 2.5, 14, 0.0, 97),
    "reset_both": Fitted(100.0, 1.7, 13, 0.0, 87),
    "reached_near": Fitted(20.0, 4.5, 11, 0.0, 10),
    "icmp_from_end": Fitted(1000.0, 1.0, 1, 0.0, 2),
    "icmp_from_path": Fitted(1000.0, 7.0, 7, 0.0, 1),
}
