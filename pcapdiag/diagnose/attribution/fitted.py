"""Ratios fitted on the lab's captures by ``scripts/fit --write``, with the counts behind them."""

from __future__ import annotations

import msgspec


class Fitted(msgspec.Struct, frozen=True):
    """A signal's ratio; in how many scenarios of how many it fired where it was true, and not.

    A scenario counts once, with the share of its RSTs (or failures) that showed the signal.
    """

    ratio: float
    seen_true: float
    true: int
    seen_false: float
    false: int


FITTED: dict[str, Fitted] = {
    "ttl_same": Fitted(3.7, 108.3, 149, 5.0, 22),
    "ttl_same_once": Fitted(2.0, 17.5, 115, 0.0, 19),
    "ttl_on_link": Fitted(10.0, 7.0, 21, 0.0, 138),
    "ttl_other_system": Fitted(10.0, 1.0, 17, 0.0, 101),
    "ttl_differs": Fitted(20.0, 9.0, 18, 0.0, 112),
    "ttl_shared": Fitted(100.0, 2.0, 17, 0.0, 101),
    "mac_differs": Fitted(20.0, 1.0, 3, 0.0, 37),
    "interface_differs": Fitted(3.9, 0.0, 17, 1.0, 101),
    "address_moved": Fitted(20.0, 1.0, 101, 0.0, 17),
    "left_captured_host": Fitted(1000.0, 11.1, 101, 0.0, 17),
    "captured_at_sender": Fitted(100.0, 10.1, 101, 0.0, 17),
    "captured_near_sender": Fitted(20.0, 39.4, 149, 0.0, 22),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 3, 0.0, 37),
    "ip_id_continuous": Fitted(18.0, 75.4, 135, 2.0, 20),
    "ip_id_off": Fitted(5.0, 5.0, 17, 0.0, 101),
    "ip_id_taken": Fitted(20.0, 2.0, 17, 0.0, 101),
    "ip_id_shared": Fitted(5.0, 2.0, 17, 0.0, 101),
    "flow_label_same": Fitted(5.0, 8.0, 11, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 11),
    "live_socket": Fitted(20.0, 81.2, 146, 0.0, 21),
    "live_socket_plain": Fitted(2.5, 2.0, 101, 2.0, 17),
    "seq_exact": Fitted(1.5, 14.0, 146, 0.5, 21),
    "seq_ahead": Fitted(20.0, 0.0, 17, 0.2, 101),
    "seq_answers": Fitted(1.5, 1.3, 101, 4.0, 17),
    "too_fast": Fitted(20.0, 5.0, 17, 0.0, 101),
    "too_fast_ack": Fitted(100.0, 3.5, 17, 0.0, 101),
    "usual_rtt": Fitted(3.0, 3.8, 149, 0.0, 22),
    "usual_rtt_short": Fitted(1.0, 20.5, 149, 5.0, 22),
    "name_filtered": Fitted(2.0, 1.0, 17, 0.0, 101),
    "works_at_once": Fitted(5.0, 1.3, 135, 0.0, 20),
    "data_after": Fitted(100.0, 6.0, 17, 0.0, 101),
    "acks_after": Fitted(20.0, 3.0, 18, 0.0, 112),
    "reset_both": Fitted(100.0, 1.7, 17, 0.0, 101),
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
