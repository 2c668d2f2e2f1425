import cython

cdef class Endpoint
cdef class Flow
cdef class Tombstone


@cython.final
cdef class Host:
    cdef public unsigned long long high, low
    cdef public long long version, packets, ids_zero, min_rtt, sent, received, bad_checksums
    cdef public long long super_segments, opened, answered
    cdef public dict ttls
    cdef public dict reset_ttls
    cdef public dict reset_windows
    cdef public dict macs
    cdef public set peers
    cdef public Host last_peer
    cdef public Endpoint last_endpoint

@cython.final
cdef class Endpoint:
    cdef public unsigned long long high, low
    cdef public long long version, port, connections, established, refused, unanswered, turns
    cdef public long long unanswered_turns, resets, first_established, last_established, first_refused
    cdef public long long last_refused, longest_answer, speaks_first
    cdef public list answers_within
    cdef public dict first_bytes

@cython.final
cdef class Moment:
    cdef public long long kind, stream, since, answered, time, local
    cdef public Host opener
    cdef public Host answerer

@cython.final
cdef class Tombstone:
    cdef public unsigned long long hash, high_a, low_a, high_b, low_b
    cdef public long long port_a, port_b, stream, base_a, base_b, end, evicted
    cdef public str state
    cdef public Tombstone next

@cython.final
cdef class HalfFlow:
    cdef public unsigned long long tail_high, tail_low
    cdef public long long packets, payload_bytes, isn, base_seq, next_seq, next_seq_time, last_ack
    cdef public long long ack_time, highest_ack, window, window_scale, window_bytes, min_window
    cdef public long long to_be_acked, duplicate_run, last_marks, sack_left, sack_right, sack_blocks
    cdef public long long mss, sack_permitted, timestamps, max_segment, data_segments, retransmissions
    cdef public long long fast_retransmissions, spurious_retransmissions, out_of_order, duplicate_acks
    cdef public long long zero_windows, window_probes, keep_alives, keep_alive_acks, acked_unseen, gaps
    cdef public long long super_segments, bad_checksums, duplicates, truncated, first_frame, first_time
    cdef public long long last_frame, last_time, first_data_frame, first_data_time, last_data_frame
    cdef public long long last_data_time, last_data_seq, last_data_length, fin_frame, fin_time, fin_seq
    cdef public long long fin_ack, rst_count, ttl0, ttl1, ttl2, ttl3, ttl0_count, ttl1_count
    cdef public long long ttl2_count, ttl3_count, mac0, mac1, mac0_count, mac1_count, ids_zero, sent
    cdef public long long received, sample_seq, sample_time, min_rtt, turn_seq, hello_slot, hello_seq
    cdef public long long hello_length, head_slot, head_length, tail_length, tail_end
    cdef public Host host

@cython.final
cdef class Flow:
    cdef public unsigned long long high_a, low_a, high_b, low_b, hash
    cdef public long long stream, version, port_a, port_b, closing, queued, a_opened, inferred, first_frame
    cdef public long long start, end, active_time, last_was_reset, syn_count, syn_time, syn_ack_count
    cdef public long long syn_ack_time, established_time, established_frame, early_resets, lost_to, handshake_done, midstream
    cdef public long long rtt_to_responder, rtt_to_initiator, first_rtt, rst_time, turn_index, turn_gap
    cdef public long long request_frame, request_time, request_last_frame, request_last_time
    cdef public long long request_bytes, request_acked_time, response_frame, response_time
    cdef public long long response_last_frame, response_last_time, response_bytes, greeting_bytes
    cdef public long long interface0, interface1, interface2, interface3, vlan0, vlan1, vni0, vni1
    cdef public long long packets, evicted, fact_first, open_at_end, file, syn_tsval, syn_ip_id, fact_last, fact_pivot, fact_fill, fact_chunks, rst_chunk
    cdef public long long rst_kept
    cdef public Flow next
    cdef public Flow older
    cdef public Flow newer
    cdef public HalfFlow a
    cdef public HalfFlow b
    cdef public Endpoint endpoint
    cdef public list icmp
    cdef public bytes reset_payload
    cdef public tuple arp_frames
    cdef public Tombstone previous
