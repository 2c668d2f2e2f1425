import cython

from pcapdiag.decode.links cimport Links
from pcapdiag.model.numbers cimport big16, big32

cdef long long _MAX_PARTS, _CUT, _NOTHING, _ETHERNET
cdef long long _ESP, _WIREGUARD, _MACSEC, _DTLS_CAPWAP, _PARTS_OF_CAPWAP, _PPTP, _L2TPV3


cdef class Tunnels(Links):
    cdef long long _seldom(self, long long kind) noexcept nogil
    cdef long long _in_udp(self, long long source, long long target, long long o) noexcept nogil
    cdef long long _is_wireguard(self, long long port) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _skip(self, long long size, long long follows) noexcept nogil
    cdef void _mirrored(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _vlan_tag(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _service_tag(self) noexcept nogil
    @cython.locals(o=cython.longlong, control=cython.longlong)
    cdef long long _macsec(self) noexcept nogil
    @cython.locals(o=cython.longlong, bottom=cython.longlong)
    cdef long long _mpls(self) noexcept nogil
    @cython.locals(left=cython.longlong, first=cython.longlong, size=cython.longlong)
    cdef long long _is_ip(self, long long o) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _service_header(self) noexcept nogil
    cdef long long _announced(self, long long protocol) noexcept nogil
    @cython.locals(o=cython.longlong, flags=cython.longlong, protocol=cython.longlong)
    cdef long long _gre(self) noexcept nogil
    @cython.locals(o=cython.longlong, version=cython.longlong, frame_type=cython.longlong)
    cdef long long _erspan(self, long long numbered) noexcept nogil
    @cython.locals(protocol=cython.longlong, parts=cython.longlong, tag=cython.longlong)
    cdef long long _tzsp(self, long long o) noexcept nogil
    cdef long long _vxlan_gpe(self, long long o) noexcept nogil
    @cython.locals(flags=cython.longlong, parts=cython.longlong, size=cython.longlong, version=cython.longlong)
    cdef long long _gtp(self, long long o) noexcept nogil
    @cython.locals(size=cython.longlong, flags=cython.longlong, is_wifi=cython.longlong)
    cdef long long _capwap(self, long long o) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _wifi_of_capwap(self) noexcept nogil
    @cython.locals(flags=cython.longlong)
    cdef long long _l2tp(self, long long o) noexcept nogil
