import cython

from pcapdiag.decode.wifi cimport Wifi
from pcapdiag.model.numbers cimport big16, big32, little32

cdef long long _NOTHING, _CUT, _NO_LINK, _ETHERNET, _SENT_BY_US, _ARPHRD_LOOPBACK, _LEAST_OF_PKTAP, _LEAST_OF_PFLOG, _PF_DROP, MASK32


cdef class Links(Wifi):
    cdef long long _other_link(self, long long link_type) noexcept nogil
    cdef long long _old_link(self, long long link_type) noexcept nogil
    cdef long long _inner_link(self, long long link_type) noexcept nogil
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
    @cython.locals(o=cython.longlong, kind=cython.longlong)
    cdef long long _pflog(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong)
    cdef long long _token_ring(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _fddi(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _frame_relay(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _infiniband(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong, name=cython.longlong, flags=cython.longlong)
    cdef long long _pktap(self) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong)
    cdef long long _ppi(self) noexcept nogil
