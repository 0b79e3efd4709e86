/* Read files and parts of files with Unix system calls, and replace files atomically. */
#ifndef ZARRCY_FILE_IO_H
#define ZARRCY_FILE_IO_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Calls in a row that write, and that a signal ends before they wrote a byte. */
enum { ZARRCY_MOST_INTERRUPTED = 1000 };

/* Add `step` to a counter that threads share, and return its value before. */
static inline int64_t zarrcy_fetch_add(int64_t *counter, int64_t step) {
    return __atomic_fetch_add(counter, step, __ATOMIC_RELAXED);
}

/* Return a time in nanoseconds that only grows. */
static inline int64_t zarrcy_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Return the time that this thread has spent on a CPU, in nanoseconds. This is a system call. */
static inline int64_t zarrcy_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Return how often this thread has left the CPU because it waited, rather than because another thread took the CPU.
 * Returns 0 if the system does not count that. This is a system call. */
static inline int64_t zarrcy_n_waits(void) {
#ifdef RUSAGE_THREAD
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0)
        return (int64_t)usage.ru_nvcsw;
#endif
    return 0;
}

/* Open a file to read it. A FIFO or a device does not block. Returns a descriptor, or -1. */
static inline int zarrcy_open_read(const char *path) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* a regular file may have to wait for another program to release it */
    if (fd < 0 && errno == EAGAIN && stat(path, &status) == 0 && S_ISREG(status.st_mode))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return fd;
}

/* Read a whole file to `at`. Returns its length, room + 1 if it is longer than `room` bytes, or -1.
 * Reads from an offset fail for FIFOs, sockets and terminals. */
static inline int64_t zarrcy_read_all(int fd, char *at, size_t room) {
    char more;
#ifdef __linux__
    struct iovec parts[2] = {{at, room}, {&more, 1}};
    return preadv(fd, parts, 2, 0);
#else
    ssize_t n = pread(fd, at, room, 0);
    return n == (ssize_t)room && pread(fd, &more, 1, (off_t)room) > 0 ? n + 1 : n;
#endif
}

/* Read `n` bytes at an offset. Returns how many were read, or -1. */
static inline int64_t zarrcy_read_at(int fd, char *at, size_t n, int64_t start) {
    return pread(fd, at, n, (off_t)start);
}

/* Return the length of a regular file, or -1. */
static inline int64_t zarrcy_file_nbytes(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
}

/* Return whether the last system call failed because the file does not exist. */
static inline int zarrcy_is_absent(void) { return errno == ENOENT || errno == ENOTDIR; }

/* Return whether nothing is at a path, given that the attempt to open it failed. A link to a file that does not exist
 * is something, on the way to the file too, and so is a file on the way to it. Where no link is on the way, this takes
 * one system call. */
static inline int zarrcy_is_missing(const char *path) {
    struct stat status;
    size_t at = strlen(path);
    char *parent;
    int missing = 0;
    if (errno != ENOENT)
        return 0;
#if defined(__linux__) && defined(SYS_openat2)
    {
        /* struct open_how of linux/openat2.h, which older headers do not have; RESOLVE_NO_SYMLINKS is 4 */
        uint64_t how[3] = {O_PATH | O_CLOEXEC, 0, 4};
        int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, how, sizeof how);
        if (fd >= 0) {
            /* it exists by now */
            close(fd);
            return 0;
        }
        if (errno == ENOENT)
            return 1;
    }
#endif
    if (lstat(path, &status) == 0 || errno != ENOENT || !(parent = malloc(at + 1)))
        return 0;
    memcpy(parent, path, at + 1);
    while (at > 1) {
        while (at > 1 && parent[at - 1] != '/')
            at--;
        parent[--at] = 0;
        if (at == 0 || lstat(parent, &status) == 0) {
            missing = at == 0 || !S_ISLNK(status.st_mode) || stat(parent, &status) == 0;
            break;
        }
        if (errno != ENOENT)
            break;
    }
    free(parent);
    return missing;
}

/* Open a regular file, and find its length, its inode and the time of its last change. Returns a descriptor, or -1. */
static inline int zarrcy_open_regular(const char *path, int64_t *nbytes, uint64_t *inode, int64_t *changed_ns) {
    struct stat status;
    int problem = 0, fd = zarrcy_open_read(path);
    if (fd < 0)
        return -1;
    if (fstat(fd, &status) != 0)
        problem = errno;
    else if (!S_ISREG(status.st_mode))
        problem = EINVAL;
    if (problem) {
        close(fd);
        errno = problem;
        return -1;
    }
    *nbytes = (int64_t)status.st_size;
    *inode = (uint64_t)status.st_ino;
#ifdef __APPLE__
    *changed_ns = (int64_t)status.st_mtimespec.tv_sec * 1000000000 + status.st_mtimespec.tv_nsec;
#else
    *changed_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
#endif
    return fd;
}

/* Open a file and find its length. If it has at most `room` bytes, read and close it; otherwise leave it open as `fd`,
 * at its start. Returns how many bytes were read, or -1. */
static inline int64_t zarrcy_read_file(const char *path, int *fd, char *at, size_t room, int64_t *nbytes) {
    struct stat status;
    int64_t done = 0;
    int problem = 0;
    *fd = zarrcy_open_read(path);
    if (*fd < 0)
        return -1;
    if (fstat(*fd, &status) != 0)
        problem = errno;
    else if (!S_ISREG(status.st_mode))
        problem = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    *nbytes = (int64_t)status.st_size;
    if (!problem && (uint64_t)*nbytes <= room) {
        done = *nbytes > 0 ? read(*fd, at, (size_t)*nbytes) : 0;
        if (done < 0)
            problem = errno;
    }
    if (!problem && done < *nbytes) {
        /* the file does not fit, or the read was short: the caller reads it from the start */
        if (done > 0 && lseek(*fd, 0, SEEK_SET) != 0)
            problem = errno;
        else
            return 0;
    }
    close(*fd);
    *fd = -1;
    errno = problem;
    return problem ? -1 : done;
}

static inline int64_t zarrcy_read_more(int fd, char *at, size_t n) { return read(fd, at, n); }

/* Return whether a call that writes must not be repeated, given its result, and set errno. A file system that accepts no
 * bytes, or is interrupted again and again, would otherwise be called for ever. */
static inline int zarrcy_write_failed(ssize_t done, int *interrupted) {
    if (done > 0)
        return 0;
    if (done == 0)
        errno = EIO;
    return errno != EINTR || ++*interrupted > ZARRCY_MOST_INTERRUPTED;
}

/* A module may set this to a function that looks for signals between two parts of a long value. If it does not return 0, a
 * handler raised an exception, and the write fails. */
static int (*zarrcy_look)(void) = 0;
#define ZARRCY_PART_NBYTES ((size_t)64 << 20)

static inline size_t zarrcy_next_part(size_t n) { return n < ZARRCY_PART_NBYTES ? n : ZARRCY_PART_NBYTES; }

/* Return whether an exception ends a write of which `n` bytes are left. */
static inline int zarrcy_is_interrupted(size_t n) {
    if (n == 0 || !zarrcy_look || zarrcy_look() == 0)
        return 0;
    errno = ECANCELED;
    return 1;
}

/* Write `n` bytes. Returns 0, or -1. */
static inline int zarrcy_write_all(int fd, const char *at, size_t n) {
    int interrupted = 0;
    while (n > 0) {
        ssize_t done = write(fd, at, zarrcy_next_part(n));
        if (zarrcy_write_failed(done, &interrupted))
            return -1;
        if (done < 0)
            continue;
        at += done;
        n -= (size_t)done;
        if (zarrcy_is_interrupted(n))
            return -1;
    }
    return 0;
}

/* Write `n` bytes at an offset. Returns 0, or -1. */
static inline int zarrcy_write_at(int fd, const char *at, size_t n, int64_t start) {
    int interrupted = 0;
    while (n > 0) {
        ssize_t done = pwrite(fd, at, zarrcy_next_part(n), (off_t)start);
        if (zarrcy_write_failed(done, &interrupted))
            return -1;
        if (done < 0)
            continue;
        at += done;
        start += done;
        n -= (size_t)done;
        if (zarrcy_is_interrupted(n))
            return -1;
    }
    return 0;
}

/* Create the missing parent directories of a file. Returns 0, or -1. `path` is changed meanwhile and restored. */
static inline int zarrcy_make_parents(char *path) {
    size_t at = strlen(path);
    int made;
    /* go up to the first parent that exists or can be created */
    do {
        while (at > 0 && path[at - 1] != '/')
            at--;
        if (at < 2)
            return -1;
        path[--at] = 0;
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        path[at] = '/';
        if (!made && errno != ENOENT)
            return -1;
    } while (!made);
    /* create the directories below it */
    while ((at += 1 + strcspn(path + at + 1, "/")), path[at]) {
        path[at] = 0;
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        path[at] = '/';
        if (!made)
            return -1;
    }
    return 0;
}

/* Write a new file whose path begins at a directory, or at AT_FDCWD: then missing parents are created. Returns 0, or -1 if
 * any step failed; no file is left then. */
static inline int zarrcy_write_new(int dir, char *path, const char *at, size_t n) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, failed;
    int fd = openat(dir, path, flags, 0666);
    if (fd < 0 && errno == ENOENT && dir == AT_FDCWD && zarrcy_make_parents(path) == 0)
        fd = openat(dir, path, flags, 0666);
    if (fd < 0)
        return -1;
    failed = zarrcy_write_all(fd, at, n);
    failed |= close(fd);
    if (failed)
        unlinkat(dir, path, 0);
    return failed ? -1 : 0;
}

/* Write a file as `partial` and rename it to `target`: readers see the old file or the new one. Both paths begin at a
 * directory, or at AT_FDCWD. Returns 0, or -1 if any step failed; no file is left at `partial` then. */
static inline int zarrcy_replace_file_in(int dir, char *partial, const char *target, const char *at, size_t n) {
    if (zarrcy_write_new(dir, partial, at, n) != 0)
        return -1;
    if (renameat(dir, partial, dir, target) != 0) {
        unlinkat(dir, partial, 0);
        return -1;
    }
    return 0;
}

static inline int zarrcy_replace_file(char *partial, const char *target, const char *at, size_t n) {
    return zarrcy_replace_file_in(AT_FDCWD, partial, target, at, n);
}

/* Open a directory as the start of other paths. Returns a descriptor, or -1. */
static inline int zarrcy_open_directory(const char *path) {
#ifdef O_PATH
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
#else
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
#endif
}

/* Rename a file unless `target` exists. Returns -1 with EINVAL or ENOSYS if the system cannot do that in one step. */
static inline int zarrcy_rename_new(const char *partial, const char *target) {
#if defined(__APPLE__)
    return renamex_np(partial, target, RENAME_EXCL);
#elif defined(SYS_renameat2)
    return (int)syscall(SYS_renameat2, AT_FDCWD, partial, AT_FDCWD, target, 1u /* RENAME_NOREPLACE */);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* Write a file as `partial` and rename it to `target` unless that exists. Returns 1 if it was renamed, 0 if `target`
 * exists, -1 if any step failed or the system cannot do it. No file is left at `partial`. Of several concurrent calls,
 * exactly one returns 1. */
static inline int zarrcy_claim_file(char *partial, const char *target, const char *at, size_t n) {
    int taken;
    if (zarrcy_write_new(AT_FDCWD, partial, at, n) != 0)
        return -1;
    if (zarrcy_rename_new(partial, target) == 0)
        return 1;
    taken = errno == EEXIST;
    /* some file systems, NFS among them, do not support this rename; a hard link has the same effect */
    if (!taken && link(partial, target) == 0) {
        unlink(partial);
        return 1;
    }
    taken = taken || errno == EEXIST;
    unlink(partial);
    return taken ? 0 : -1;
}

#endif
