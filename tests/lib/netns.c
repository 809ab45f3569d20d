/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>
#include "tests/lib/netns.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/util.h"
#include "tests/lib/test.h"
#include "util.h"

void
netns_enter(void)
{
    static bool have_run;

    if (unshare(CLONE_NEWNET | (have_run ? 0 : CLONE_NEWNS))) {
        SKIP("no network namespace of our own: %s", ovs_strerror(errno));
    }
    if (!have_run) {
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)
            || mount("tmpfs", "/run", "tmpfs", 0, NULL)) {
            SKIP("no /run of our own: %s", ovs_strerror(errno));
        }
        have_run = true;
    }
}

/* Feeds the input through a file, so that neither side can block. */
static void
redirect_input(const char *input)
{
    FILE *file = tmpfile();

    if (!file || fputs(input ? input : "", file) < 0 || fflush(file)
        || lseek(fileno(file), 0, SEEK_SET)
        || dup2(fileno(file), STDIN_FILENO) < 0) {
        _exit(127);
    }
    fclose(file);
}

char *
netns_run(const char *input, const char *format, ...)
{
    struct ds command = DS_EMPTY_INITIALIZER;
    struct ds output = DS_EMPTY_INITIALIZER;
    char buffer[4096];
    va_list args;
    int out[2];
    int status;
    ssize_t n;

    va_start(args, format);
    ds_put_format_valist(&command, format, args);
    va_end(args);

    REQUIRE(!pipe(out));
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (!pid) {
        redirect_input(input);
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        close(out[0]);
        close(out[1]);
        execl("/bin/sh", "sh", "-c", ds_cstr(&command), NULL);
        _exit(127);
    }
    close(out[1]);
    while ((n = read(out[0], buffer, sizeof buffer)) > 0) {
        ds_put_buffer(&output, buffer, n);
    }
    close(out[0]);
    REQUIRE(waitpid(pid, &status, 0) == pid);
    if (status) {
        FAIL("%s: status %d: %s", ds_cstr(&command), status,
             ds_cstr(&output));
    }
    ds_destroy(&command);
    return ds_steal_cstr(&output);
}

char *
netns_save(const char *command, const char *table, bool counters)
{
    return netns_run(NULL, "%s-save -t %s %s | grep -v '^#'%s",
                     command, table, counters ? "-c" : "",
                     counters ? "" : " | sed 's/ \\[.*\\]$//'");
}
