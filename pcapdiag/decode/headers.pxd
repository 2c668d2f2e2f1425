import cython

from pcapdiag.decode.tunnels cimport Tunnels
from pcapdiag.model.numbers cimport big16, big32, big64, distance

cdef long long MASK32, ONLY_TIMESTAMPS, _MAX_LAYERS, _MAX_EXTENSIONS, _CHECKED_PAYLOAD, _MESH_DNS
cdef unsigned long long MASK, MIX_A, MIX_B
cdef long long _OTHER, _TCP, _ICMP_ERROR, _DNS, _DNS_ERROR, _ARP, _FRAGMENT, _UNDECODED


@cython.final
cdef class Packet(Tunnels):
    cdef public long long unverifiable, cut
    cdef public long long version, tos, ip_id, df, ttl, protocol, flow_label
    cdef public unsigned long long source_high, source_low, target_high, target_low
    cdef public long long datagram_end
    cdef public long long fragment_offset, more_fragments, fragment_id
    cdef public long long source_port, target_port, seq, ack, flags, window, option_bytes
    cdef public long long payload, payload_length, payload_captured
    cdef public long long mss, window_scale, sack_permitted
    cdef public long long has_timestamps, tsval, tsecr, sack_left, sack_right, sack_blocks
    cdef public long long sack_within, multipath
    cdef public long long bad_checksum
    cdef public unsigned long long hash, numbers, stamps, traits, sizes, fingerprint
    cdef public int is_rare
    cdef public long long icmp_type, icmp_code, icmp_mtu, icmp_version, icmp_ttl, quote_full, quote_ttl
    cdef public unsigned long long icmp_high, icmp_low

    cpdef void load(self, buffer)
    @cython.locals(h=cython.ulonglong, a=cython.ulonglong, b=cython.ulonglong)
    cpdef unsigned long long pair_hash(self, unsigned long long seed) noexcept nogil
    cdef inline void clear(self) noexcept nogil
    cpdef long long decode(self, long long offset, long long captured, long long length, long long link_type) noexcept nogil
    @cython.locals(kind=cython.longlong)
    cdef long long _decode_told(self, long long captured, long long length, long long link_type) noexcept nogil
    cdef int _has_initial_ttl(self) noexcept nogil
    cpdef long long decode_ip(self, long long offset, long long captured) noexcept nogil
    @cython.locals(layers=cython.longlong)
    cdef inline long long _layers(self, long long kind) noexcept nogil
    cdef inline long long _u48(self, long long o) noexcept nogil
    cdef inline long long _link(self, long long link_type) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef inline long long _ethernet(self) noexcept nogil
    @cython.locals(o=cython.longlong, header=cython.longlong, total=cython.longlong, fragment=cython.longlong)
    cdef inline long long _ipv4(self) noexcept nogil
    cdef inline long long _transport(self, long long protocol) noexcept nogil
    @cython.locals(o=cython.longlong, first=cython.longlong, length=cython.longlong)
    cdef long long _ipv6(self) noexcept nogil
    @cython.locals(count=cython.longlong, fragment=cython.longlong)
    cdef long long _extensions(self, long long protocol, long long o) noexcept nogil
    @cython.locals(o=cython.longlong, header=cython.longlong, captured=cython.longlong, whole=cython.bint)
    cdef inline long long _tcp(self) noexcept nogil
    @cython.locals(kind=cython.longlong, size=cython.longlong, left=cython.longlong, right=cython.longlong)
    cdef inline void _options(self, long long o, long long stop) noexcept nogil
    @cython.locals(total=cython.ulonglong, word=cython.ulonglong, stop=cython.longlong)
    cdef inline void _verify(self, long long o) noexcept nogil
    @cython.locals(o=cython.longlong, source=cython.longlong, target=cython.longlong)
    cdef long long _udp(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _arp(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _icmp(self, long long kind) noexcept nogil
    @cython.locals(o=cython.longlong, header=cython.longlong, total=cython.longlong, protocol=cython.longlong)
    cdef long long _quote(self) noexcept nogil

cdef int _is_dns(long long port) noexcept nogil
