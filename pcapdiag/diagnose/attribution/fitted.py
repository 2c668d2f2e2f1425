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
    "ttl_same": Fitted(3.7, 100.3, 140, 5.0, 22),
    "ttl_same_once": Fitted(2.0, 17.5, 113, 0.0, 19),
    "ttl_on_link": Fitted(10.0, 7.0, 21, 0.0, 129),
    "ttl_other_system": Fitted(10.0, 1.0, 17, 0.0, 99),
    "ttl_differs": Fitted(20.0, 9.0, 18, 0.0, 110),
    "ttl_shared": Fitted(100.0, 2.0, 17, 0.0, 99),
    "mac_differs": Fitted(20.0, 1.0, 3, 0.0, 30),
    "interface_differs": Fitted(3.9, 0.0, 17, 1.0, 99),
    "address_moved": Fitted(20.0, 1.0, 99, 0.0, 17),
    "left_captured_host": Fitted(1000.0, 9.1, 99, 0.0, 17),
    "captured_at_sender": Fitted(100.0, 8.1, 99, 0.0, 17),
    "captured_near_sender": Fitted(20.0, 39.4, 140, 0.0, 22),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 3, 0.0, 30),
    "ip_id_continuous": Fitted(18.0, 74.4, 126, 2.0, 20),
    "ip_id_off": Fitted(5.0, 5.0, 17, 0.0, 99),
    "ip_id_taken": Fitted(20.0, 2.0, 17, 0.0, 99),
    "ip_id_shared": Fitted(5.0, 2.0, 17, 0.0, 99),
    "flow_label_same": Fitted(5.0, 8.0, 11, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 11),
    "live_socket": Fitted(20.0, 80.2, 137, 0.0, 21),
    "live_socket_plain": Fitted(2.5, 2.0, 99, 2.0, 17),
    "seq_exact": Fitted(1.5, 14.0, 137, 0.5, 21),
    "seq_ahead": Fitted(20.0, 0.0, 17, 0.2, 99),
    "seq_answers": Fitted(1.5, 1.3, 99, 4.0, 17),
    "too_fast": Fitted(20.0, 5.0, 17, 0.0, 99),
    "too_fast_ack": Fitted(100.0, 3.5, 17, 0.0, 99),
    "usual_rtt": Fitted(3.0, 3.8, 140, 0.0, 22),
    "usual_rtt_short": Fitted(1.0, 19.5, 140, 5.0, 22),
    "name_filtered": Fitted(2.0, 1.0, 17, 0.0, 99),
    "works_at_once": Fitted(5.0, 1.0, 99, 0.0, 17),
    "data_after": Fitted(100.0, 6.0, 17, 0.0, 99),
    "acks_after": Fitted(20.0, 3.0, 18, 0.0, 110),
    "reset_both": Fitted(100.0, 1.7, 17, 0.0, 99),
    "reached_near": Fitted(20.0, 4.7, 11, 0.0, 11),
    "not_passed_on": Fitted(20.0, 0.5, 8, 0.0, 5),
    "idle_silence": Fitted(5.0, 1.0, 3, 0.0, 1),
    "endpoint_serves": Fitted(2.0, 0.5, 3, 0.0, 1),
    "icmp_from_end": Fitted(1000.0, 2.0, 2, 0.0, 6),
    "icmp_from_path": Fitted(1000.0, 7.0, 7, 0.0, 2),
    "born_between": Fitted(1000.0, 3.0, 8, 0.0, 14),
    "born_between_quiet": Fitted(35.0, 7.0, 10, 1.0, 15),
    "left_end": Fitted(1000.0, 13.0, 15, 0.0, 9),
    "lost_between": Fitted(1000.0, 2.0, 2, 0.0, 1),
    "lost_between_quiet": Fitted(60.0, 2.0, 2, 0, 0),
    "arrived_unanswered": Fitted(1000.0, 3.0, 3, 0.0, 1),
    "size_hole": Fitted(100.0, 1.0, 1, 0, 0),
}
