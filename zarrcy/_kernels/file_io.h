/* Files, in the words of Unix: whole values and parts of them, and values that appear whole or not at all. */
#ifndef ZARRCY_FILES_H
#define ZARRCY_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <sys/uio.h>
#include <unistd.h>

static inline int64_t zarrcy_take(int64_t *counter, int64_t step) {
    return __atomic_fetch_add(counter, step, __ATOMIC_RELAXED);
}

/* Read a whole file; one byte more than fits tells that it is longer. */
static inline int64_t zarrcy_read_all(int fd, char *at, size_t room) {
    char more;
    struct iovec parts[2] = {{at, room}, {&more, 1}};
    return readv(fd, parts, 2);
}

static inline int64_t zarrcy_read_at(int fd, char *at, size_t n, int64_t start) {
    return pread(fd, at, n, start);
}

static inline int64_t zarrcy_file_nbytes(int fd) {
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : -1;
}

/* Did the last call fail because there is no such file? */
static inline int zarrcy_is_absent(void) { return errno == ENOENT || errno == ENOTDIR; }

/* Open a file and find its length. Up to `room` bytes are read at once, and the file is closed if that was all;
 * otherwise it stays open as `fd`, and nothing of it was read. Returns the bytes read, or -1. */
static inline int64_t zarrcy_read_file(const char *path, int *fd, char *at, size_t room, int64_t *nbytes) {
    struct stat status;
    int64_t done = 0;
    int problem = 0;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return -1;
    if (fstat(*fd, &status) != 0)
        problem = errno;
    *nbytes = (int64_t)status.st_size;
    if (!problem && (uint64_t)*nbytes <= room) {
        done = *nbytes > 0 ? read(*fd, at, (size_t)*nbytes) : 0;
        if (done < 0)
            problem = errno;
    }
    if (!problem && done < *nbytes) {
        /* more than fits, or less than there is: what follows begins anew */
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

static inline int64_t zarrcy_read_on(int fd, char *at, size_t n) { return read(fd, at, n); }

static inline int zarrcy_write_all(int fd, const char *at, size_t n) {
    while (n > 0) {
        ssize_t done = write(fd, at, n);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        at += done;
        n -= (size_t)done;
    }
    return 0;
}

static inline int zarrcy_write_at(int fd, const char *at, size_t n, int64_t start) {
    while (n > 0) {
        ssize_t done = pwrite(fd, at, n, start);
        if (done < 0) {
            if (errno == EINTR)
                continue;
            return -1;
        }
        at += done;
        start += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Make the directory of a file, and those above it that are missing. */
static inline int zarrcy_make_folders(char *path) {
    size_t at = strlen(path);
    int made;
    /* up to the first that is there, or can be made */
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
    /* and down again */
    while ((at += 1 + strcspn(path + at + 1, "/")), path[at]) {
        path[at] = 0;
        made = mkdir(path, 0777) == 0 || errno == EEXIST;
        path[at] = '/';
        if (!made)
            return -1;
    }
    return 0;
}

/* Write a new file whole; its directory is made if it is missing. -1 if any step failed; nothing is left behind then. */
static inline int zarrcy_write_new(char *path, const char *at, size_t n) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, failed;
    int fd = open(path, flags, 0666);
    if (fd < 0 && errno == ENOENT && zarrcy_make_folders(path) == 0)
        fd = open(path, flags, 0666);
    if (fd < 0)
        return -1;
    failed = zarrcy_write_all(fd, at, n);
    failed |= close(fd);
    if (failed)
        unlink(path);
    return failed ? -1 : 0;
}

/* Put a value in the place of `target`: readers see the old file or the new one. -1 if any step failed; nothing is left
 * behind then. */
static inline int zarrcy_replace_file(char *part, const char *target, const char *at, size_t n) {
    if (zarrcy_write_new(part, at, n) != 0)
        return -1;
    if (rename(part, target) != 0) {
        unlink(part);
        return -1;
    }
    return 0;
}

/* Rename a file, but replace nothing; -1 with EINVAL or ENOSYS where the system can't do that in one step. */
static inline int zarrcy_rename_new(const char *part, const char *target) {
#if defined(__APPLE__)
    return renamex_np(part, target, RENAME_EXCL);
#elif defined(SYS_renameat2)
    return (int)syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, target, 1u /* RENAME_NOREPLACE */);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* Put a value in the place of `target` unless something is there: 1, or 0 if it was, or -1 if that failed or can't be
 * told; nothing is left behind then. Of several at once one wins. */
static inline int zarrcy_claim_file(char *part, const char *target, const char *at, size_t n) {
    int taken;
    if (zarrcy_write_new(part, at, n) != 0)
        return -1;
    if (zarrcy_rename_new(part, target) == 0)
        return 1;
    taken = errno == EEXIST;
    /* not all file systems, NFS among them, rename like that; a second name tells the same */
    if (!taken && link(part, target) == 0) {
        unlink(part);
        return 1;
    }
    taken = taken || errno == EEXIST;
    unlink(part);
    return taken ? 0 : -1;
}

#endif
