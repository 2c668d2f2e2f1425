import cython

cdef long long _MAX_ENTRIES, _MAX_SIZE, _ENOUGH, _UNKNOWN, _LOST, _PLAIN, _ODD, _METHOD, _STATUS, _LENGTH, _TYPE, _GRPC_STATUS
cdef long long _KIND, _NUMBER, _STATIC


@cython.final
cdef class FieldScan:
    cdef public long long is_odd, method, status, length, type, grpc_status
    cdef long long _added, _known, _next, _size
    cdef long long[::1] _static_fields, _static_kinds, _codes
    cdef public list fields
    cdef list _entries
    @cython.locals(before=cython.longlong, first=cython.longlong, code=cython.longlong)
    cpdef int scan(self, bytes data, long long at, long long end) except -1
    @cython.locals(name=bytes, value=bytes, parts=list)
    cpdef bytes block(self)
    @cython.locals(number=cython.longlong, shift=cython.longlong, more=cython.longlong)
    cdef long long _number(self, bytes data, long long at, long long end, long long mask) noexcept
    @cython.locals(length=cython.longlong)
    cdef long long _string_end(self, bytes data, long long at, long long end) noexcept
    cdef long long _indexed(self, long long index)
    @cython.locals(age=cython.longlong)
    cdef int _is_known(self, long long index) noexcept
    cdef long long _code(self, long long index) noexcept
    cdef tuple _entry(self, long long index)
    @cython.locals(is_added=cython.longlong, index=cython.longlong, begin=cython.longlong, name=bytes, kind=cython.longlong, value=bytes, code=cython.longlong, entry=tuple)
    cdef long long _literal(self, bytes data, long long at, long long end)
    @cython.locals(name=bytes, value=bytes)
    cdef object _take(self, tuple entry)
    cdef object _add(self, tuple entry, long long code)
    @cython.locals(added=cython.longlong)
    cdef object _take_back(self, long long before)
    cdef object _forget(self)
    cdef void _note(self, long long kind, long long number) noexcept
