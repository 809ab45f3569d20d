/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "command-line.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "tools/sg-controller/files.h"
#include "tools/sg-controller/topology.h"
#include "tools/sg-swarm/commands.h"
#include "tools/sg-swarm/swarm.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(swarm);

/* Exit status of wrong usage. */
#define EXIT_USAGE 2

struct options {
    const char *config, *topology, *socket;
};

static void parse_options(int argc, char *argv[], struct options *);
static _Noreturn void usage(void);
static struct topology *read_topology(const char *file);
static void raise_descriptors(void);

int
main(int argc, char *argv[])
{
    struct unixctl_server *server;
    struct topology *topology;
    struct options options;
    struct swarm *swarm;
    char *error;
    int retval;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    parse_options(argc, argv, &options);
    /* What it plays for goes away with whoever started it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();

    topology = read_topology(options.topology);
    swarm = swarm_create(options.config, topology, &error);
    if (!swarm) {
        ovs_fatal(0, "%s: %s", options.topology, error);
    }
    topology_destroy(topology);
    retval = commands_create(options.socket, swarm, &server);
    if (retval) {
        ovs_fatal(retval, "%s: cannot create the control socket",
                  options.socket);
    }
    VLOG_INFO("sg-swarm %s plays %"PRIuSIZE" hosts", SG_VERSION,
              swarm_n_hosts(swarm));

    /* Until a signal ends it: hosts that die say no goodbye either. */
    for (;;) {
        swarm_run(swarm);
        unixctl_server_run(server);
        swarm_wait(swarm);
        unixctl_server_wait(server);
        poll_block();
    }
}

static void
parse_options(int argc, char *argv[], struct options *options)
{
    enum {
        OPT_TOPOLOGY = UCHAR_MAX + 1, OPT_CTL,
        VLOG_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"topology", required_argument, NULL, OPT_TOPOLOGY},
        {"ctl", required_argument, NULL, OPT_CTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };

    memset(options, 0, sizeof *options);
    for (;;) {
        int c = getopt_long(argc, argv, "c:hVv::", long_options, NULL);

        if (c == -1) {
            break;
        }
        switch (c) {
        case 'c':
            options->config = optarg;
            break;
        case OPT_TOPOLOGY:
            options->topology = optarg;
            break;
        case OPT_CTL:
            options->socket = optarg;
            break;
        case 'h':
            usage();
        case 'V':
            printf("%s %s\n", program_name, SG_VERSION);
            exit(EXIT_SUCCESS);
        VLOG_OPTION_HANDLERS
        default:
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc || !options->config || !options->topology
        || !options->socket) {
        ovs_error(0, "--config, --topology and --ctl are required, and "
                  "nothing else; try --help");
        exit(EXIT_USAGE);
    }
}

static _Noreturn void
usage(void)
{
    printf("%s: many simulated hosts in one process\n"
           "usage: %s --config=FILE --topology=FILE --ctl=SOCKET\n\n"
           "Each host that the topology places ports on is an agent with its "
           "own connection\nto the broker, on a model of the kernel.  "
           "docs/swarm.md has the commands.\n\n"
           "  -c, --config=FILE       configuration of sg-agent; the host's "
           "name is replaced\n"
           "      --topology=FILE     the file that sg-controller serves\n"
           "      --ctl=SOCKET        control socket\n",
           program_name, program_name);
    vlog_usage();
    printf("\nOther options:\n"
           "  -h, --help              display this help\n"
           "  -V, --version           display version\n");
    exit(EXIT_SUCCESS);
}

static struct topology *
read_topology(const char *file)
{
    struct topology *topology;
    struct rpc_limits limits;
    char *error, *text;
    size_t len;

    rpc_limits_default(&limits);
    error = file_read(file, TOPOLOGY_MAX_BYTES, &text, &len);
    if (!error) {
        error = topology_parse(text, len, file, &limits, &topology);
        free(text);
    }
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    return topology;
}

/* A host needs four: two connections, two latches.  Descriptors are cheap;
 * take all that are allowed. */
static void
raise_descriptors(void)
{
    struct rlimit limit;

    if (!getrlimit(RLIMIT_NOFILE, &limit)) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit)) {
            VLOG_WARN("cannot raise the limit of descriptors: %s",
                      ovs_strerror(errno));
        }
    }
}
