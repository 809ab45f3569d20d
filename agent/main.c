/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/config_file.h"
#include "agent/control.h"
#include "command-line.h"
#include "daemon.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(main);

#define DEFAULT_CONFIG "/etc/sg-agent/sg-agent.yaml"

struct options {
    const char *config;
    bool config_given;
    bool check;
};

static _Noreturn void
usage(void)
{
    printf("%s: security-group agent for Open vSwitch hosts\n"
           "usage: %s [OPTIONS]\n\n"
           "  -c, --config=FILE       configuration (default: %s)\n"
           "      --check-config      check it, print it with all defaults "
           "and exit\n",
           program_name, program_name, DEFAULT_CONFIG);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  -h, --help              display this help\n"
           "  -V, --version           display version\n");
    exit(EXIT_SUCCESS);
}

static void
parse_options(int argc, char *argv[], struct options *options)
{
    enum {
        OPT_CHECK_CONFIG = UCHAR_MAX + 1,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, OPT_CHECK_CONFIG},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };

    for (;;) {
        int c = getopt_long(argc, argv, "c:hVv::", long_options, NULL);

        if (c == -1) {
            break;
        }
        switch (c) {
        case 'c':
            options->config = optarg;
            options->config_given = true;
            break;
        case OPT_CHECK_CONFIG:
            options->check = true;
            break;
        case 'h':
            usage();
        case 'V':
            printf("%s %s\n", program_name, SG_VERSION);
            exit(EXIT_SUCCESS);
        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS
        default:
            exit(2);
        }
    }
    if (optind < argc) {
        ovs_error(0, "%s: unexpected argument; try --help", argv[optind]);
        exit(2);
    }
}

static void
set_up_log(const struct config *config)
{
    char *levels = xasprintf("ANY:ANY:%s", config->log_level);
    char *error = vlog_set_levels_from_string(levels);

    if (error) {
        ovs_fatal(0, "log.level: %s", error);
    }
    free(levels);
    if (*config->log_file && vlog_set_log_file(config->log_file)) {
        ovs_fatal(0, "log.file: cannot open %s", config->log_file);
    }
}

static void
make_run_dir(const char *name)
{
    if (mkdir(name, 0750) && errno != EEXIST) {
        ovs_fatal(errno, "%s: cannot create the directory", name);
    }
}

/* Without it the agent works as well: status tells. */
static void
make_state_dir(const char *name)
{
    if (mkdir(name, 0700) && errno != EEXIST) {
        VLOG_WARN("%s: cannot create the directory (%s)", name,
                  ovs_strerror(errno));
    }
}

/* Signals as a descriptor of the loop: SIGTERM and SIGINT are an orderly stop,
 * which closes the connections and says so, SIGHUP opens the log file anew, as
 * programs that rotate logs expect.  To be called after daemonize_start(), so
 * that a monitor process keeps its own handlers, and before threads exist, so
 * that they inherit the mask. */
static int
open_signals(void)
{
    sigset_t mask;
    int fd;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) {
        ovs_fatal(errno, "signalfd");
    }
    return fd;
}

/* False when it is time to stop. */
static bool
handle_signals(int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo != SIGHUP) {
            return false;
        }
        vlog_reopen_log_file();
    }
    return true;
}

static void
run(struct agent *agent, struct control *control, int signals)
{
    for (;;) {
        if (agent_run(agent)) {
            control_run(control);
            if (!handle_signals(signals)) {
                break;
            }
        }
        control_wait(control);
        poll_fd_wait(signals, POLLIN);
        agent_wait(agent);
        poll_block();
    }
}

int
main(int argc, char *argv[])
{
    struct options options = { .config = DEFAULT_CONFIG };
    struct control *control;
    struct config *config;
    struct agent *agent;
    char *error = NULL;
    int signals;
    int retval;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    parse_options(argc, argv, &options);
    config = config_load(options.config, options.config_given);
    if (options.check) {
        struct ds text = DS_EMPTY_INITIALIZER;

        config_format(config, &text);
        fputs(ds_cstr(&text), stdout);
        ds_destroy(&text);
        config_destroy(config);
        return 0;
    }

    set_up_log(config);
    make_run_dir(config->run_dir);
    make_state_dir(config->state_dir);
    signal(SIGPIPE, SIG_IGN);
    daemonize_start(false);
    signals = open_signals();
    agent = agent_create(config, &error);
    if (!agent) {
        ovs_fatal(0, "%s", error);
    }
    retval = control_create(config->control_socket, agent, &control);
    if (retval) {
        ovs_fatal(retval, "cannot create the control socket %s",
                  config->control_socket);
    }
    daemonize_complete();
    VLOG_INFO("sg-agent %s on host %s", SG_VERSION, config->host);

    run(agent, control, signals);

    VLOG_INFO("stops; the rules stay");
    control_destroy(control);
    agent_destroy(agent);
    config_destroy(config);
    return 0;
}
