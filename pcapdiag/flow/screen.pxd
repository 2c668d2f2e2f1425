import cython

from pcapdiag.model.numbers cimport index_of

cdef unsigned long long LAST_7, LAST_CHUNK
cdef long long _UNKNOWN, _INCOMPLETE, _COMPLETE, _UNTIL_CLOSE, MAX_DIGITS, NO_LENGTH, CHUNKED, CONFLICT

cdef tuple _CHECKERS, _CHECK_WORDS


@cython.locals(word=cython.longlong)
cpdef long long is_request(unsigned char[::1] v, long long start, long long size) noexcept
cpdef long long is_answer(unsigned char[::1] v, long long start, long long size) noexcept
@cython.locals(code=cython.longlong, digit=cython.longlong, i=cython.longlong)
cpdef long long status(unsigned char[::1] v, long long start, long long size) noexcept
@cython.locals(end=cython.longlong, at=cython.longlong, code=cython.longlong)
cpdef long long is_interim(unsigned char[::1] v, long long start, long long size, long long total) noexcept
@cython.locals(end=cython.longlong, o=cython.longlong, line=cython.longlong, name=bytes)
cpdef long long check_kind(unsigned char[::1] v, long long start, long long size) noexcept
@cython.locals(o=cython.longlong, word=bytes)
cdef long long _is_check_path(unsigned char[::1] v, long long start, long long end) noexcept
cpdef long long is_alarming(long long code) noexcept
@cython.locals(end=cython.longlong, code=cython.longlong, body=cython.longlong, length=cython.longlong)
cpdef long long completeness(unsigned char[::1] v, long long start, long long size, long long total, unsigned long long tail_low) noexcept
cpdef long long is_unfinished(unsigned char[::1] v, long long start, long long size, long long total) noexcept
@cython.locals(end=cython.longlong, length=cython.longlong)
cpdef long long request_length(unsigned char[::1] v, long long start, long long size) noexcept
@cython.locals(end=cython.longlong, length=cython.longlong, at=cython.longlong)
cpdef long long holds_another(unsigned char[::1] v, long long start, long long size) noexcept
@cython.locals(length=cython.longlong, chunked=cython.bint, o=cython.longlong, first=cython.longlong)
cdef long long _framing(unsigned char[::1] v, long long start, long long end) noexcept
cdef long long _ends_chunks(unsigned long long tail_low) noexcept
@cython.locals(o=cython.longlong, stop=cython.longlong)
cdef long long _head_end(unsigned char[::1] v, long long start, long long size) noexcept
cdef long long _is_hex(long long byte) noexcept
@cython.locals(i=cython.longlong, count=cython.longlong)
cdef long long _is_name(unsigned char[::1] v, long long o, long long end, bytes name) noexcept
@cython.locals(number=cython.longlong, digits=cython.longlong)
cdef long long _number(unsigned char[::1] v, long long o, long long end) noexcept
@cython.locals(count=cython.Py_ssize_t, i=cython.Py_ssize_t)
cpdef long long begins_with(unsigned char[::1] v, long long start, long long length, bytes line) noexcept
