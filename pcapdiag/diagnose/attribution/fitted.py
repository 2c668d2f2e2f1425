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
    "ttl_same": Fitted(3.8, 150.8, 211, 6.0, 29),
    "ttl_same_once": Fitted(2.0, 23.5, 211, 1.0, 29),
    "ttl_near": Fitted(2.0, 2.0, 27, 0.0, 196),
    "ttl_on_link": Fitted(10.0, 8.0, 28, 0.0, 199),
    "ttl_other_system": Fitted(10.0, 1.0, 22, 0.0, 145),
    "ttl_of_reply": Fitted(4.0, 1.0, 3, 0, 0),
    "ttl_differs": Fitted(20.0, 9.0, 28, 1.0, 208),
    "ttl_shared": Fitted(100.0, 1.0, 22, 0.0, 145),
    "ttl_shared_refusing": Fitted(5.0, 1.0, 5, 1.0, 67),
    "ttl_like_neighbours": Fitted(2.0, 1.0, 67, 0.0, 5),
    "ttl_before_neighbours": Fitted(4.0, 1.0, 5, 0.0, 67),
    "mac_differs": Fitted(20.0, 2.0, 27, 0.0, 196),
    "address_moved": Fitted(20.0, 1.0, 145, 0.0, 22),
    "left_captured_host": Fitted(1000.0, 18.6, 145, 0.0, 22),
    "captured_at_sender": Fitted(100.0, 17.3, 145, 0.0, 22),
    "captured_near_sender": Fitted(20.0, 43.9, 211, 0.0, 29),
    "came_out_only": Fitted(100.0, 1.0, 22, 0.0, 145),
    "made_by_capturing_host": Fitted(1000.0, 1.0, 5, 0.0, 67),
    "ip_id_continuous": Fitted(18.0, 103.7, 196, 2.0, 27),
    "ip_id_off": Fitted(5.0, 5.0, 22, 1.0, 145),
    "ip_id_taken": Fitted(20.0, 2.0, 22, 0.0, 145),
    "ip_id_shared": Fitted(5.0, 3.0, 22, 0.0, 145),
    "flow_label_same": Fitted(5.0, 8.0, 12, 0.0, 1),
    "flow_label_zero": Fitted(3.0, 1.0, 1, 0.0, 12),
    "live_socket": Fitted(20.0, 109.6, 208, 0.0, 28),
    "live_socket_plain": Fitted(2.6, 5.0, 145, 2.0, 22),
    "timestamps_missing_linux": Fitted(20.0, 4.0, 22, 0.0, 145),
    "timestamps_dropped": Fitted(20.0, 1.0, 1, 0.0, 32),
    "seq_exact": Fitted(1.5, 15.7, 208, 0.5, 28),
    "seq_answers": Fitted(1.5, 3.0, 145, 4.0, 22),
    "too_fast": Fitted(20.0, 1.0, 22, 0.0, 145),
    "too_fast_ack": Fitted(100.0, 9.7, 22, 0.0, 145),
    "too_fast_for_neighbours": Fitted(5.0, 1.0, 5, 0.0, 67),
    "usual_rtt": Fitted(3.0, 5.3, 211, 0.0, 29),
    "usual_rtt_short": Fitted(1.1, 29.4, 211, 5.3, 29),
    "name_filtered": Fitted(2.0, 1.0, 22, 0.0, 145),
    "works_at_once": Fitted(5.0, 2.0, 196, 0.0, 27),
    "data_after": Fitted(100.0, 6.0, 22, 0.0, 145),
    "acks_after": Fitted(20.0, 5.0, 23, 0.0, 157),
    "reset_both": Fitted(100.0, 3.3, 22, 0.0, 145),
    "reached_near": Fitted(20.0, 5.2, 13, 0.0, 16),
    "not_passed_on": Fitted(20.0, 0.5, 10, 0.0, 6),
    "idle_silence": Fitted(5.0, 1.0, 5, 0.0, 1),
    "endpoint_serves": Fitted(2.0, 0.5, 5, 0.0, 1),
    "icmp_from_end": Fitted(1000.0, 2.0, 2, 0.0, 8),
    "icmp_from_path": Fitted(1000.0, 8.0, 9, 0.0, 2),
    "born_between": Fitted(1000.0, 3.0, 8, 0.0, 14),
    "born_between_quiet": Fitted(35.0, 7.0, 10, 1.0, 15),
    "left_end": Fitted(1000.0, 13.0, 15, 0.0, 9),
    "lost_between": Fitted(1000.0, 2.0, 2, 0.0, 1),
    "lost_between_quiet": Fitted(60.0, 2.0, 2, 0, 0),
    "arrived_unanswered": Fitted(1000.0, 3.0, 3, 0.0, 1),
    "size_hole": Fitted(100.0, 1.0, 1, 0, 0),
}
