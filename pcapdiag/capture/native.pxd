# The C of native.py. Locks are addresses. None of it touches a Python object.
cdef extern from *:
    """
    #include <errno.h>
    #include <stdint.h>
    #ifdef _WIN32
    #include <io.h>
    #define pcapdiag_read(file, to, count) _read(file, to, (unsigned int)(count))
    #else
    #include <unistd.h>
    #define pcapdiag_read(file, to, count) read(file, to, (size_t)(count))
    #endif
    #define PCAPDIAG_LOCK(lock) ((PyThread_type_lock)(uintptr_t)(lock))
    #define pcapdiag_new_lock() ((long long)(uintptr_t)PyThread_allocate_lock())
    #define pcapdiag_acquire(lock) PyThread_acquire_lock(PCAPDIAG_LOCK(lock), 1)
    #define pcapdiag_release(lock) PyThread_release_lock(PCAPDIAG_LOCK(lock))
    #define pcapdiag_free(lock) PyThread_free_lock(PCAPDIAG_LOCK(lock))
    #define pcapdiag_leave() ((long long)(uintptr_t)PyEval_SaveThread())
    #define pcapdiag_enter(state) PyEval_RestoreThread((PyThreadState *)(uintptr_t)(state))
    static CYTHON_INLINE void pcapdiag_wait(long long lock) {
        PyThreadState *state = PyEval_SaveThread();
        pcapdiag_acquire(lock);
        PyEval_RestoreThread(state);
    }
    static CYTHON_INLINE long long pcapdiag_read_at(int file, unsigned char *to, long long count) {
        long long got;
        do got = pcapdiag_read(file, to, count); while (got < 0 && errno == EINTR);
        return got < 0 ? -(long long)errno : got;
    }
    #define pcapdiag_read_into(file, view, at, count) \\
        pcapdiag_read_at((int)(file), (unsigned char *)(view).data + (at), count)
    """
    cpdef long long new_lock "pcapdiag_new_lock" () noexcept nogil
    cpdef void acquire "pcapdiag_acquire" (long long lock) noexcept nogil
    cpdef void wait "pcapdiag_wait" (long long lock) noexcept
    cpdef void release "pcapdiag_release" (long long lock) noexcept nogil
    cpdef void free "pcapdiag_free" (long long lock) noexcept nogil
    cpdef long long leave_interpreter "pcapdiag_leave" () noexcept nogil
    cpdef void enter_interpreter "pcapdiag_enter" (long long state) noexcept nogil
    cpdef long long read_into "pcapdiag_read_into" (long long descriptor, unsigned char[::1] buffer, long long at, long long count) noexcept nogil
