import cython

from pcapdiag.model.numbers cimport big16, big32, little32

cdef long long _NOTHING, _CUT, _NO_LINK, _ETHERNET, _SENT_BY_US, _ARPHRD_LOOPBACK, _LEAST_OF_PKTAP, MASK32
cdef long long _ENCRYPTED_WIFI, _PARTS_OF_WIFI, _DAMAGED_WIFI


cdef class Links:
    cdef const unsigned char[::1] view
    cdef public long long position, end, wire_end
    cdef public long long mac, vlan, vni, direction, ifindex
    cdef public long long[::1] unread

    cdef long long _other_link(self, long long link_type) noexcept nogil
    cdef long long _inner_link(self, long long link_type) noexcept nogil
    cdef long long _not_read(self, long long what) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _cooked(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _cooked2(self) noexcept nogil
    cdef void _set_direction(self, long long packet_type, long long hardware) noexcept nogil
    @cython.locals(reception="long long")
    cdef void _set_way(self, long long flags) noexcept nogil
    @cython.locals(version=cython.longlong)
    cdef long long _raw(self) noexcept nogil
    cdef long long _raw_behind(self, long long size) noexcept nogil
    @cython.locals(o=cython.longlong, protocol=cython.longlong)
    cdef long long _ppp(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _pppoe(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong, kind=cython.longlong)
    cdef long long _nflog(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _cisco_hdlc(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _switch_tag(self, long long size) noexcept nogil
    @cython.locals(o=cython.longlong, flags=cython.longlong)
    cdef long long _juniper(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong, name=cython.longlong, flags=cython.longlong)
    cdef long long _pktap(self) noexcept nogil
    @cython.locals(size=cython.longlong)
    cdef long long _radio_header(self, long long o) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong)
    cdef long long _ppi(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong, flags=cython.longlong)
    cdef long long _radiotap(self) noexcept nogil
    @cython.locals(at=cython.longlong, present=cython.longlong, more=cython.longlong)
    cdef long long _radiotap_flags(self, long long o, long long stop) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _wifi(self, long long padded) noexcept nogil
    @cython.locals(o=cython.longlong, source=cython.longlong, size=cython.longlong, several=cython.longlong)
    cdef long long _wifi_data(self, long long control, long long flags, long long padded) noexcept nogil
    @cython.locals(o=cython.longlong, vendor=cython.longlong)
    cdef long long _llc(self) noexcept nogil
