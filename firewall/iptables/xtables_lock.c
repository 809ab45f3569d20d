/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include "firewall/iptables/xtables_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* Tries to take the lock, never waits for it.  On success stores a descriptor
 * for xtables_lock_release() in '*fd'.  EAGAIN: somebody else holds it. */
int
xtables_lock_take(const char *path, int *fd)
{
    /* The way iptables opens it: created if missing, never removed, read
     * access is enough for flock().  Opened each time, because the file may
     * have been replaced since. */
    int new_fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (new_fd < 0) {
        return errno;
    }
    if (flock(new_fd, LOCK_EX | LOCK_NB) < 0) {
        int error = errno;

        close(new_fd);
        return error;
    }
    *fd = new_fd;
    return 0;
}

void
xtables_lock_release(int fd)
{
    close(fd);
}
