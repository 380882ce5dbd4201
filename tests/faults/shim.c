/* Faults of a disk and of a machine, for one process: loaded before libc, it counts the calls that change files below one
   folder, and lets the n-th of them fail, or ends the process there, as a power cut would. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL_BEFORE, KILL_HALF, KILL_AFTER, FAIL, SHORT };

static char root[PATH_MAX];
static size_t root_length;
static atomic_long *calls;
static long chosen;
static int action, code;

/* Start: count in `counter` (shared memory, so that it outlives us), and act at call number `at`, from 1. */
void arm(const char *folder, const char *counter, long at, int what, int error)
{
    int file = open(counter, O_RDWR);
    calls = mmap(NULL, sizeof *calls, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    chosen = at;
    action = what;
    code = error;
    root_length = strlen(folder);
    memcpy(root, folder, root_length + 1);
}

static int below(const char *path) { return calls && !strncmp(path, root, root_length); }

static int path_at(int folder, const char *name, char *path)
{
    char link[64];
    ssize_t length = 0;
    if (*name != '/' && folder != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        if ((length = readlink(link, path, PATH_MAX - 1)) < 0)
            length = 0;
        path[length++] = '/';
    }
    snprintf(path + length, PATH_MAX - length, "%s", name);
    return below(path);
}

static int ours(int file)
{
    char link[64], path[PATH_MAX];
    if (!calls)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    return length > 0 && (path[length] = 0, below(path));
}

static void end(void) { kill(getpid(), SIGKILL); pause(); }

/* What is to happen at this call; COUNT: nothing. */
static int due(int is_ours)
{
    if (!is_ours || atomic_fetch_add(calls, 1) + 1 != chosen)
        return COUNT;
    if (action == KILL_BEFORE)
        end();
    return action;
}

#define REAL(type, name) \
    static type real; \
    if (!real) \
        real = (type)dlsym(RTLD_NEXT, name)

/* A call that changes something at once or not at all. */
#define WHOLE(is_ours, call) \
    int now = due(is_ours); \
    if (now == KILL_HALF) \
        end(); \
    if (now == FAIL) { \
        errno = code; \
        return -1; \
    } \
    int result = call; \
    if (now == KILL_AFTER) \
        end(); \
    return result

/* A call that may do a part of its work: `half` does half of it. */
#define PARTS(is_ours, whole, half) \
    int now = due(is_ours); \
    if (now == FAIL) { \
        errno = code; \
        return -1; \
    } \
    ssize_t result = now == KILL_HALF || now == SHORT ? half : whole; \
    if (now == KILL_HALF || now == KILL_AFTER) \
        end(); \
    return result

typedef ssize_t (*write_type)(int, const void *, size_t);
typedef ssize_t (*pwrite_type)(int, const void *, size_t, off_t);
typedef ssize_t (*pwritev_type)(int, const struct iovec *, int, off_t);
typedef int (*file_type)(int);
typedef int (*truncate_type)(int, off_t);
typedef int (*rename_type)(const char *, const char *);
typedef int (*renameat_type)(int, const char *, int, const char *);
typedef int (*renameat2_type)(int, const char *, int, const char *, unsigned);
typedef int (*mkdir_type)(const char *, mode_t);
typedef int (*mkdirat_type)(int, const char *, mode_t);
typedef int (*path_type)(const char *);
typedef int (*unlinkat_type)(int, const char *, int);
typedef int (*open_type)(const char *, int, ...);
typedef int (*openat_type)(int, const char *, int, ...);

ssize_t write(int file, const void *data, size_t length)
{
    REAL(write_type, "write");
    PARTS(ours(file), real(file, data, length), real(file, data, (length + 1) / 2));
}

#define PWRITE(name) \
    ssize_t name(int file, const void *data, size_t length, off_t at) \
    { \
        REAL(pwrite_type, #name); \
        PARTS(ours(file), real(file, data, length, at), real(file, data, (length + 1) / 2, at)); \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

/* Half of it: the first half of the pieces, or half of the only one. */
static ssize_t half_of(pwritev_type real, int file, const struct iovec *parts, int count, off_t at)
{
    struct iovec one = parts[0];
    one.iov_len = (one.iov_len + 1) / 2;
    return count > 1 ? real(file, parts, count / 2, at) : real(file, &one, 1, at);
}

#define PWRITEV(name) \
    ssize_t name(int file, const struct iovec *parts, int count, off_t at) \
    { \
        REAL(pwritev_type, #name); \
        PARTS(ours(file), real(file, parts, count, at), half_of(real, file, parts, count, at)); \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define ON_FILE(name) \
    int name(int file) \
    { \
        REAL(file_type, #name); \
        WHOLE(ours(file), real(file)); \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)

#define TRUNCATE(name) \
    int name(int file, off_t length) \
    { \
        REAL(truncate_type, #name); \
        WHOLE(ours(file), real(file, length)); \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char *from, const char *to)
{
    REAL(rename_type, "rename");
    WHOLE(below(to), real(from, to));
}

int link(const char *from, const char *to)
{
    REAL(rename_type, "link");
    WHOLE(below(to), real(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    char path[PATH_MAX];
    REAL(renameat_type, "renameat");
    WHOLE(path_at(to_folder, to, path), real(from_folder, from, to_folder, to));
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    char path[PATH_MAX];
    REAL(renameat2_type, "renameat2");
    WHOLE(path_at(to_folder, to, path), real(from_folder, from, to_folder, to, flags));
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir_type, "mkdir");
    WHOLE(below(path), real(path, mode));
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    REAL(mkdirat_type, "mkdirat");
    WHOLE(path_at(folder, name, path), real(folder, name, mode));
}

int unlink(const char *path)
{
    REAL(path_type, "unlink");
    WHOLE(below(path), real(path));
}

int unlinkat(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    REAL(unlinkat_type, "unlinkat");
    WHOLE(path_at(folder, name, path), real(folder, name, flags));
}

static mode_t mode_of(int flags, va_list more) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        REAL(open_type, #name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        WHOLE(flags & O_CREAT && below(path), real(path, flags, mode)); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *file, int flags, ...) \
    { \
        char path[PATH_MAX]; \
        REAL(openat_type, #name); \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_of(flags, more); \
        va_end(more); \
        WHOLE(flags & O_CREAT && path_at(folder, file, path), real(folder, file, flags, mode)); \
    }
OPENAT(openat)
OPENAT(openat64)
