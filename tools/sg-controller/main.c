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

#include "command-line.h"
#include "daemon.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rpc/message.h"
#include "timeval.h"
#include "tools/sg-controller/commands.h"
#include "tools/sg-controller/files.h"
#include "tools/sg-controller/service.h"
#include "tools/sg-controller/topology.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(main);

#define DEFAULT_BROKER "127.0.0.1:5672"
#define DEFAULT_TOPOLOGY "/etc/sg-controller/topology.yaml"
#define DEFAULT_STATE_DIR "/var/lib/sg-controller"
#define DEFAULT_RUN_DIR "/run/sg-controller"

/* Bytes of a password file, and how many brokers may be named. */
#define MAX_PASSWORD 1024
#define MAX_BROKERS 16

/* Exit status of wrong usage. */
#define EXIT_USAGE 2

struct options {
    struct service_config service;
    struct amqp_broker brokers[MAX_BROKERS];
    size_t n_brokers;
    const char *password_file;
    const char *state_dir;
    const char *run_dir;
    const char *socket;
    bool check, client;
    char *default_socket, *password;    /* What was allocated. */
};

static void parse_options(int argc, char *argv[], struct options *);
static void set_defaults(struct options *);
static void finish_options(struct options *);
static void uninit_options(struct options *);
static void parse_broker(struct options *, const char *text);
static char *read_password(const char *file);
static _Noreturn void usage(void);
static int check_topology(const char *file);
static int open_signals(void);
static bool handle_signals(int fd, struct service *);
static void run(struct service *, struct commands *, int signals);

int
main(int argc, char *argv[])
{
    struct options options;
    struct commands *commands;
    struct service *service;
    struct sg_epoch epoch;
    char *error;
    int retval;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    parse_options(argc, argv, &options);
    finish_options(&options);
    if (options.client) {
        /* argv[optind] is "ctl". */
        return commands_client(options.socket, argc - optind - 1,
                               argv + optind + 1);
    }
    if (options.check) {
        return check_topology(options.service.topology);
    }

    signal(SIGPIPE, SIG_IGN);
    daemonize_start(false);
    if (mkdir(options.run_dir, 0755) && errno != EEXIST) {
        ovs_fatal(errno, "%s: cannot create the directory", options.run_dir);
    }
    int signals = open_signals();
    error = epoch_begin(options.state_dir, time_wall_msec(), &epoch);
    if (!error) {
        error = service_create(&options.service, &epoch, &service);
    }
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    retval = commands_create(options.socket, service, &commands);
    if (retval) {
        ovs_fatal(retval, "%s: cannot create the control socket",
                  options.socket);
    }
    retval = service_connect(service);
    if (retval) {
        ovs_fatal(retval, "cannot start the broker thread");
    }
    daemonize_complete();
    VLOG_INFO("sg-controller %s", SG_VERSION);

    run(service, commands, signals);

    VLOG_INFO("stops");
    commands_destroy(commands);
    service_destroy(service);
    uninit_options(&options);
    return 0;
}

static void
run(struct service *service, struct commands *commands, int signals)
{
    while (handle_signals(signals, service)) {
        service_run(service);
        commands_run(commands);
        service_wait(service);
        commands_wait(commands);
        poll_fd_wait(signals, POLLIN);
        poll_block();
    }
}

static void
parse_options(int argc, char *argv[], struct options *options)
{
    enum {
        OPT_TOPOLOGY = UCHAR_MAX + 1, OPT_BROKER, OPT_BROKER_USER,
        OPT_PASSWORD_FILE, OPT_VHOST, OPT_STATE_DIR, OPT_RUN_DIR, OPT_CTL,
        OPT_NO_WATCH, OPT_CHECK,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"topology", required_argument, NULL, OPT_TOPOLOGY},
        {"broker", required_argument, NULL, OPT_BROKER},
        {"broker-user", required_argument, NULL, OPT_BROKER_USER},
        {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
        {"vhost", required_argument, NULL, OPT_VHOST},
        {"state-dir", required_argument, NULL, OPT_STATE_DIR},
        {"run-dir", required_argument, NULL, OPT_RUN_DIR},
        {"ctl", required_argument, NULL, OPT_CTL},
        {"no-watch", no_argument, NULL, OPT_NO_WATCH},
        {"check", no_argument, NULL, OPT_CHECK},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };

    set_defaults(options);
    for (;;) {
        int c = getopt_long(argc, argv, "+hVv::", long_options, NULL);

        if (c == -1) {
            break;
        }
        switch (c) {
        case OPT_TOPOLOGY:
            options->service.topology = optarg;
            break;
        case OPT_BROKER:
            parse_broker(options, optarg);
            break;
        case OPT_BROKER_USER:
            options->service.amqp.user = optarg;
            break;
        case OPT_PASSWORD_FILE:
            options->password_file = optarg;
            break;
        case OPT_VHOST:
            options->service.amqp.vhost = optarg;
            break;
        case OPT_STATE_DIR:
            options->state_dir = optarg;
            break;
        case OPT_RUN_DIR:
            options->run_dir = optarg;
            break;
        case OPT_CTL:
            options->socket = optarg;
            break;
        case OPT_NO_WATCH:
            options->service.watch = false;
            break;
        case OPT_CHECK:
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
            exit(EXIT_USAGE);
        }
    }
    options->client = optind < argc;
    if (options->client
        && (strcmp(argv[optind], "ctl") || optind + 1 == argc)) {
        ovs_error(0, "%s: expected nothing, or: ctl COMMAND; try --help",
                  argv[optind]);
        exit(EXIT_USAGE);
    }
}

/* The account that a broker has when nobody has set it up. */
static void
set_defaults(struct options *options)
{
    memset(options, 0, sizeof *options);
    amqp_config_default(&options->service.amqp);
    options->service.amqp.user = CONST_CAST(char *, "guest");
    options->service.amqp.password = CONST_CAST(char *, "guest");
    options->service.amqp.vhost = CONST_CAST(char *, "/");
    options->service.topology = DEFAULT_TOPOLOGY;
    options->service.watch = true;
    options->state_dir = DEFAULT_STATE_DIR;
    options->run_dir = DEFAULT_RUN_DIR;
}

/* Fills in what follows from several options, and opens the password file. */
static void
finish_options(struct options *options)
{
    struct amqp_config *amqp = &options->service.amqp;

    if (!options->socket) {
        options->socket = options->default_socket
            = xasprintf("%s/sg-controller.ctl", options->run_dir);
    }
    if (!options->n_brokers) {
        parse_broker(options, DEFAULT_BROKER);
    }
    options->service.state_dir = options->state_dir;
    amqp->brokers = options->brokers;
    amqp->n_brokers = options->n_brokers;
    if (options->password_file && !options->client && !options->check) {
        amqp->password = options->password
            = read_password(options->password_file);
    }
}

static void
uninit_options(struct options *options)
{
    for (size_t i = 0; i < options->n_brokers; i++) {
        free(options->brokers[i].host);
    }
    free(options->default_socket);
    free(options->password);
}

/* Adds "HOST:PORT"; an IPv6 address stands in brackets. */
static void
parse_broker(struct options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    struct amqp_broker *broker;
    size_t len;
    int port;

    if (options->n_brokers >= MAX_BROKERS) {
        ovs_error(0, "--broker: more than the limit of %d", MAX_BROKERS);
        exit(EXIT_USAGE);
    }
    if (!colon || colon == text || !str_to_int(colon + 1, 10, &port)
        || port < 1 || port > UINT16_MAX) {
        ovs_error(0, "--broker: expected HOST:PORT");
        exit(EXIT_USAGE);
    }
    len = colon - text;
    if (text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    broker = &options->brokers[options->n_brokers++];
    broker->host = xmemdup0(text, len);
    broker->port = port;
}

/* The first line of 'file'. */
static char *
read_password(const char *file)
{
    size_t len;
    char *error;
    char *text;

    error = file_read(file, MAX_PASSWORD, &text, &len);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static _Noreturn void
usage(void)
{
    printf("%s: reference network controller for sg-agent\n"
           "usage: %s [OPTIONS]\n"
           "       %s --check --topology=FILE\n"
           "       %s [--ctl=SOCKET] ctl COMMAND\n\n"
           "  --topology=FILE         what the network looks like\n"
           "                          (default: %s)\n"
           "  --check                 check it and exit\n"
           "  --no-watch              reload on command and SIGHUP only\n"
           "  --broker=HOST:PORT      may be given several times\n"
           "                          (default: %s)\n"
           "  --broker-user=NAME      (default: guest)\n"
           "  --password-file=FILE    its first line (default: guest)\n"
           "  --vhost=NAME            (default: /)\n"
           "  --state-dir=DIR         (default: %s)\n"
           "  --run-dir=DIR           (default: %s)\n"
           "  --ctl=SOCKET            (default: sg-controller.ctl there)\n",
           program_name, program_name, program_name, program_name,
           DEFAULT_TOPOLOGY, DEFAULT_BROKER, DEFAULT_STATE_DIR,
           DEFAULT_RUN_DIR);
    daemon_usage();
    vlog_usage();
    printf("\nCommands of ctl:\n"
           "  reload [--dry-run] [--force] [--ack]\n"
           "  apply FILE, rollback [N] [--force]\n"
           "  status, hosts, latency, topology, topologies\n"
           "\nOther options:\n"
           "  -h, --help              display this help\n"
           "  -V, --version           display version\n");
    exit(EXIT_SUCCESS);
}

/* Exactly the checks of a running controller. */
static int
check_topology(const char *file)
{
    struct topology_counts n;
    struct topology *topology;
    struct rpc_limits limits;
    size_t len;
    char *error;
    char *text;

    rpc_limits_default(&limits);
    error = file_read(file, TOPOLOGY_MAX_BYTES, &text, &len);
    if (!error) {
        error = topology_parse(text, len, file, &limits, &topology);
        free(text);
    }
    if (error) {
        ovs_error(0, "%s", error);
        free(error);
        return EXIT_FAILURE;
    }
    topology_count(topology, &n);
    printf("%s: %zu ports, %zu groups, %zu address groups, %zu rules, "
           "%zu members\n", file, n.n_ports, n.n_groups, n.n_address_groups,
           n.n_rules, n.n_members);
    topology_destroy(topology);
    return EXIT_SUCCESS;
}

/* Signals as a descriptor of the loop.  To be called after daemonize_start(),
 * so that a monitor process keeps its own handlers, and before threads exist,
 * so that they inherit the mask. */
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

/* SIGHUP reloads.  False when it is time to stop. */
static bool
handle_signals(int fd, struct service *service)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == sizeof info) {
        uint64_t flush;
        char *error;

        if (info.ssi_signo != SIGHUP) {
            return false;
        }
        error = service_reload(service, SERVICE_CONFIRM, &flush);
        if (error) {
            VLOG_WARN("keeping the last good topology: %s", error);
            free(error);
        }
    }
    return true;
}
