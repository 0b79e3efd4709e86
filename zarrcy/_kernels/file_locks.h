/* Locks of open files that exclude other processes. They belong to the open file: unlike POSIX record locks, they stay when
 * another thread closes the same file. */
#ifndef ZARRCY_FILE_LOCKS_H
#define ZARRCY_FILE_LOCKS_H

#include <errno.h>
#include <stdint.h>

/* Kinds of locks. A lock of a range needs a descriptor open for writing, and reaches the server of a network file system;
 * a lock of the whole file is taken where that is not possible. */
enum { ZARRCY_HELD_ELSEWHERE = 0, ZARRCY_BY_RANGE = 1, ZARRCY_BY_FILE = 2, ZARRCY_NO_LOCKS = -1 };

#ifdef _WIN32
static inline int zarrcy_open_to_lock(const char *path) { (void)path, errno = ENOSYS; return -1; }
static inline int zarrcy_try_lock(int fd, int64_t place) { (void)fd, (void)place; return ZARRCY_NO_LOCKS; }
static inline int zarrcy_unlock(int fd, int64_t place, int kind) { (void)fd, (void)place, (void)kind; return 0; }
static inline int zarrcy_is_still_at(int fd, const char *path, int64_t *nbytes) {
    (void)fd, (void)path, *nbytes = -1;
    return 1;
}
static inline void zarrcy_sleep_ns(int64_t ns) { (void)ns; }
static inline int zarrcy_close_file(int fd) { (void)fd; return 0; }
static inline int64_t zarrcy_clock_ns(void) { return 0; }
#else
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Open a file to lock it: for writing if that is allowed. A FIFO or a device does not block. Returns a descriptor, or -1. */
static inline int zarrcy_open_to_lock(const char *path) {
    int more = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int fd = open(path, O_RDWR | more);
    if (fd < 0 && (errno == EACCES || errno == EPERM || errno == EROFS || errno == ETXTBSY))
        fd = open(path, O_RDONLY | more);
    if (fd < 0 && errno == EAGAIN) {
        struct stat status;
        /* a regular file may have to wait for another program to release it */
        if (stat(path, &status) == 0 && S_ISREG(status.st_mode))
            fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    }
    return fd;
}

/* Lock an open file, without waiting. Different places of one file have different locks. Returns the kind of the lock,
 * ZARRCY_HELD_ELSEWHERE if another open file has it, or ZARRCY_NO_LOCKS if the file system has no locks; see errno.
 *
 * Range locks are beyond all data, so that systems whose locks also stop readers do not notice them. */
static inline int zarrcy_try_lock(int fd, int64_t place) {
#if defined(__linux__) && defined(F_OFD_SETLK)
    if (sizeof(off_t) == 8) {
        struct flock range;
        memset(&range, 0, sizeof range);
        range.l_type = F_WRLCK;
        range.l_whence = SEEK_SET;
        range.l_start = ((off_t)1 << 62) + (off_t)place;
        range.l_len = 1;
        if (fcntl(fd, F_OFD_SETLK, &range) == 0)
            return ZARRCY_BY_RANGE;
        if (errno == EAGAIN || errno == EACCES || errno == EINTR)
            return ZARRCY_HELD_ELSEWHERE;
        /* the descriptor is open for reading only, or the kernel is older than these locks */
        if (errno != EBADF && errno != EINVAL)
            return ZARRCY_NO_LOCKS;
    }
#endif
    if (place) {
        /* all places would share one lock, and a thread may hold several of them */
        errno = ENOLCK;
        return ZARRCY_NO_LOCKS;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return ZARRCY_BY_FILE;
    return errno == EWOULDBLOCK || errno == EINTR ? ZARRCY_HELD_ELSEWHERE : ZARRCY_NO_LOCKS;
}

/* Release a lock. Closing is not enough: a process that was forked meanwhile has the same open file. */
static inline int zarrcy_unlock(int fd, int64_t place, int kind) {
#if defined(__linux__) && defined(F_OFD_SETLK)
    if (kind == ZARRCY_BY_RANGE) {
        struct flock range;
        memset(&range, 0, sizeof range);
        range.l_type = F_UNLCK;
        range.l_whence = SEEK_SET;
        range.l_start = ((off_t)1 << 62) + (off_t)place;
        range.l_len = 1;
        return fcntl(fd, F_OFD_SETLK, &range);
    }
#else
    (void)place;
#endif
    return kind == ZARRCY_BY_FILE ? flock(fd, LOCK_UN) : 0;
}

/* Return 1 if an open regular file is the one at a path, 0 if another file or none is there, -1 if it is not a regular file.
 * Sets the length of the file. */
static inline int zarrcy_is_still_at(int fd, const char *path, int64_t *nbytes) {
    struct stat status, at;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    *nbytes = (int64_t)status.st_size;
    return stat(path, &at) == 0 && at.st_dev == status.st_dev && at.st_ino == status.st_ino;
}

static inline void zarrcy_sleep_ns(int64_t ns) {
    struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    nanosleep(&time, NULL);
}

static inline int zarrcy_close_file(int fd) { return close(fd); }

static inline int64_t zarrcy_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
#endif

#endif
