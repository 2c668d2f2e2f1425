import cython

from pcapdiag.model.numbers cimport big16, big32, little32

cdef long long _CUT, _NOTHING, _ENCRYPTED_WIFI, _PARTS_OF_WIFI, _DAMAGED_WIFI, _AVS, _PRISM_BYTES


cdef class Wifi:
    cdef const unsigned char[::1] view
    cdef public long long position, end, wire_end
    cdef public long long mac, vlan, vni, direction, ifindex, blocked
    cdef public long long[::1] unread

    cdef long long _not_read(self, long long what) noexcept nogil
    @cython.locals(size=cython.longlong)
    cdef long long _radio_header(self, long long o) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong, flags=cython.longlong)
    cdef long long _radiotap(self) noexcept nogil
    @cython.locals(at=cython.longlong, present=cython.longlong, more=cython.longlong)
    cdef long long _radiotap_flags(self, long long o, long long stop) noexcept nogil
    @cython.locals(o=cython.longlong, size=cython.longlong)
    cdef long long _prism(self) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _wifi(self, long long padded) noexcept nogil
    @cython.locals(o=cython.longlong, source=cython.longlong, size=cython.longlong, several=cython.longlong)
    cdef long long _wifi_data(self, long long control, long long flags, long long padded) noexcept nogil
    @cython.locals(o=cython.longlong)
    cdef long long _llc(self) noexcept nogil
    @cython.locals(vendor=cython.longlong)
    cdef long long _snap(self, long long o) noexcept nogil
