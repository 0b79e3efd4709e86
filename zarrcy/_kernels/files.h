/* Files, in the words of Unix: whole values and parts of them, and values that appear whole or not at all. */
#ifndef ZARRCY_FILES_H
#define ZARRCY_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* Make the directories of `path` that lie below its first `known` bytes. */
static inline int zarrcy_make_folders(char *path, size_t known) {
    char *at = path + known;
    while ((at = strchr(at, '/')) != NULL) {
        int failed;
        *at = 0;
        failed = mkdir(path, 0777) != 0 && errno != EEXIST;
        *at++ = '/';
        if (failed)
            return -1;
    }
    return 0;
}

/* Put a value in the place of `target`: readers see the old file or the new one. `known` bytes of the path name a
 * directory that is there. -1 if any step failed; nothing is left behind then. */
static inline int zarrcy_replace_file(const char *part, char *target, size_t known, const char *at, size_t n) {
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, failed;
    int fd = open(part, flags, 0666);
    if (fd < 0 && errno == ENOENT && zarrcy_make_folders(target, known) == 0)
        fd = open(part, flags, 0666);
    if (fd < 0)
        return -1;
    failed = zarrcy_write_all(fd, at, n);
    failed |= close(fd);
    if (failed || rename(part, target) != 0) {
        unlink(part);
        return -1;
    }
    return 0;
}

#endif
