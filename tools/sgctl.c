/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* sgctl: asks the agent over its control socket and shows the answer.
 *
 * One table of commands and one of options make everything that a user meets:
 * parsing, help and completion.  The agent is asked once per run. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "svec.h"
#include "tools/columns.h"
#include "tools/output.h"
#include "tools/trace_args.h"
#include "unixctl.h"
#include "util.h"

#define DEFAULT_SOCKET "/run/sg-agent/sg-agent.ctl"

/* Seconds. */
#define DEFAULT_TIMEOUT 5
#define RESYNC_TIMEOUT 75               /* The agent gives up before. */
#define WAIT_DEFAULT 30
#define WAIT_MARGIN 5                   /* Until the agent has said so. */
#define MAX_TIMEOUT 3600

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,            /* Of status: not enforcing or not in sync; of
                                 * trace: not allowed. */
    EXIT_USAGE = 2,
    EXIT_UNREACHABLE = 3,
};

/* Options; those of one command have its bit. */
enum option_id {
    OPT_PORT = UCHAR_MAX + 1, OPT_FAMILY, OPT_COUNTERS, OPT_AGAINST,
    OPT_GENERATION, OPT_RESET, OPT_MAC, OPT_ICMP_TYPE, OPT_ICMP_CODE,
    OPT_STATE, OPT_TIMEOUT, OPT_JSON,
};
#define BIT(OPTION) (1u << ((OPTION) - OPT_PORT))

static const struct {
    const char *name;
    int value;
    const char *arg;            /* NULL: none. */
    const char *help;
} options[] = {
    { "socket", 's', "PATH", "control socket (default: "DEFAULT_SOCKET")" },
    { "json", OPT_JSON, NULL, "the agent's document as it is" },
    { "timeout", OPT_TIMEOUT, "SECONDS", "how long to wait for the agent" },
    { "port", OPT_PORT, "DEVICE|ID", "rules: that decide about this port" },
    { "family", OPT_FAMILY, "4|6", "rules: of this address family" },
    { "counters", OPT_COUNTERS, NULL, "rules: hits by security-group rule" },
    { "against", OPT_AGAINST, "FILE", "plan: for the policy of a file" },
    { "generation", OPT_GENERATION, "N", "wait: until this one is applied" },
    { "reset", OPT_RESET, NULL, "loop: forget it, having shown it" },
    { "mac", OPT_MAC, "ADDRESS", "trace: the source MAC address" },
    { "icmp-type", OPT_ICMP_TYPE, "N", "trace: instead of an echo request" },
    { "icmp-code", OPT_ICMP_CODE, "N", "trace: by default 0" },
    { "state", OPT_STATE, "STATE",
      "trace: new, established, related, invalid, revoked" },
    { "help", 'h', NULL, "this text" },
    { "version", 'V', NULL, "the version of sgctl" },
};

/* A command as it was given. */
struct invocation {
    const struct command *command;
    const char *socket;
    struct output_query query;
    char **args;                /* As many as the command takes. */
    const char *against;
    char *generation;
    bool reset;
    struct trace_args trace;
    int timeout;                /* 0: not given. */
};

struct command {
    const char *name;
    const char *args;           /* For help. */
    const char *help;
    int min_args, max_args;     /* An only one is an id. */
    unsigned int options;       /* BIT()s. */
    const char *remote;         /* The agent's name of it. */
    enum output_kind kind;
    enum exit_status (*run)(const struct invocation *);
};

static enum exit_status run_show(const struct invocation *);
static enum exit_status run_plan(const struct invocation *);
static enum exit_status run_trace(const struct invocation *);
static enum exit_status run_resync(const struct invocation *);
static enum exit_status run_wait(const struct invocation *);
static enum exit_status run_loop(const struct invocation *);
static enum exit_status run_help(const struct invocation *);
static enum exit_status run_completion(const struct invocation *);

/* Of trace. */
#define TRACE_ARGS 5

static const struct command commands[] = {
    { "status", "", "how the agent is; fails unless enforcing and in sync",
      0, 0, 0, "sg/status", OUTPUT_STATUS, run_show },
    { "ports", "[ID|DEVICE]", "ports of this host",
      0, 1, 0, "sg/ports", OUTPUT_PORTS, run_show },
    { "groups", "[ID]", "security groups and address groups they need",
      0, 1, 0, "sg/groups", OUTPUT_GROUPS, run_show },
    { "sets", "[ID|NAME]", "member sets in the kernel",
      0, 1, 0, "sg/sets", OUTPUT_SETS, run_show },
    { "rules", "[--port DEVICE|ID] [--family 4|6] [--counters]",
      "rules in the kernel, with counters and where they come from",
      0, 0, BIT(OPT_PORT) | BIT(OPT_FAMILY) | BIT(OPT_COUNTERS), "sg/rules",
      OUTPUT_RULES, run_show },
    { "trace", "ID|DEVICE in|out PROTOCOL SOURCE DESTINATION",
      "what becomes of a packet, and why; fails unless allowed",
      TRACE_ARGS, TRACE_ARGS, (BIT(OPT_MAC) | BIT(OPT_ICMP_TYPE)
                               | BIT(OPT_ICMP_CODE) | BIT(OPT_STATE)),
      "sg/trace", OUTPUT_TRACE, run_trace },
    { "plan", "[--against FILE]", "what would change in the kernel now",
      0, 0, BIT(OPT_AGAINST), "sg/plan", OUTPUT_PLAN, run_plan },
    { "resync", "", "ask the controller for everything, compare, repair",
      0, 0, 0, "sg/resync", OUTPUT_RESYNC, run_resync },
    { "enforce", "", "at a first start: wait for no port, close the unknown",
      0, 0, 0, "sg/enforce", OUTPUT_ENFORCE, run_show },
    { "accept-removal", "", "let the controller take away what is held",
      0, 0, 0, "sg/accept-removal", OUTPUT_ENFORCE, run_show },
    { "wait", "[--generation N]", "until in sync and in the kernel",
      0, 0, BIT(OPT_GENERATION), "sg/wait", OUTPUT_WAIT, run_wait },
    { "limits", "[NAME]", "what is allowed, in use, and was refused",
      0, 1, 0, "sg/limits", OUTPUT_LIMITS, run_show },
    { "metrics", "", "counters, as OpenMetrics text",
      0, 0, 0, "sg/metrics", OUTPUT_METRICS, run_show },
    { "latency", "", "publish to stored and to the kernel, by kind",
      0, 0, 0, "sg/latency", OUTPUT_LATENCY, run_show },
    { "loop", "[--reset]", "the longest turn of the agent's loop",
      0, 0, BIT(OPT_RESET), "sg/loop", OUTPUT_LOOP, run_loop },
    { "version", "", "of the agent and of sgctl",
      0, 0, 0, "sg/version", OUTPUT_VERSION, run_show },
    { "completion", "", "a script for bash: source <(sgctl completion)",
      0, 0, 0, NULL, OUTPUT_VERSION, run_completion },
    { "help", "", "this text", 0, 0, 0, NULL, OUTPUT_VERSION, run_help },
};

static void parse(int argc, char *argv[], struct invocation *);
static void take_arguments(int n, char *args[], struct invocation *);
static unsigned int parse_options(int argc, char *argv[],
                                  struct invocation *);
static int parse_timeout(const char *);
static const struct command *find_command(const char *name);
static _Noreturn void usage_error(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);
static enum exit_status ask(const struct invocation *, int argc,
                            char *argv[], int timeout);
static enum exit_status show(const struct invocation *, const char *document);
static void complain(const char *text);
static void set_alarm(int seconds);
static void timed_out(int);

int
main(int argc, char *argv[])
{
    /* Whatever has been applied is at least generation 0. */
    static char zero[] = "0";
    struct invocation invocation = {
        .socket = DEFAULT_SOCKET, .generation = zero,
    };

    set_program_name(argv[0]);
    /* What the library has to say, we say ourselves. */
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    parse(argc, argv, &invocation);

    enum exit_status status = invocation.command->run(&invocation);
    if (fflush(stdout) || ferror(stdout)) {
        ovs_error(errno, "cannot write the output");
        return EXIT_FAILED;
    }
    return status;
}

/* ## Commands ## */

static enum exit_status
run_show(const struct invocation *i)
{
    return ask(i, 0, NULL, i->timeout ? i->timeout : DEFAULT_TIMEOUT);
}

/* The agent opens the file, and its working directory is not ours. */
static enum exit_status
run_plan(const struct invocation *i)
{
    int timeout = i->timeout ? i->timeout : DEFAULT_TIMEOUT;
    enum exit_status status;
    char *file;

    if (!i->against) {
        return ask(i, 0, NULL, timeout);
    }
    file = realpath(i->against, NULL);
    if (!file) {
        ovs_error(errno, "%s", i->against);
        return EXIT_FAILED;
    }
    status = ask(i, 1, &file, timeout);
    free(file);
    return status;
}

static enum exit_status
run_trace(const struct invocation *i)
{
    struct trace_args args = i->trace;
    struct svec words = SVEC_EMPTY_INITIALIZER;
    enum exit_status status;
    char *error;

    args.port = i->args[0];
    args.direction = i->args[1];
    args.protocol = i->args[2];
    args.source = i->args[3];
    args.destination = i->args[4];
    error = trace_args_to_words(&args, &words);
    if (error) {
        usage_error("trace: %s", error);
    }
    status = ask(i, words.n, words.names,
                 i->timeout ? i->timeout : DEFAULT_TIMEOUT);
    svec_destroy(&words);
    return status;
}

static enum exit_status
run_resync(const struct invocation *i)
{
    return ask(i, 0, NULL, i->timeout ? i->timeout : RESYNC_TIMEOUT);
}

static enum exit_status
run_wait(const struct invocation *i)
{
    int timeout = i->timeout ? i->timeout : WAIT_DEFAULT;
    char *seconds = xasprintf("%d", timeout);
    char *args[] = { i->generation, seconds };
    enum exit_status status;

    status = ask(i, ARRAY_SIZE(args), args, timeout + WAIT_MARGIN);
    free(seconds);
    return status;
}

static enum exit_status
run_loop(const struct invocation *i)
{
    static char reset[] = "reset";
    char *args[] = { reset };

    return ask(i, i->reset, args, i->timeout ? i->timeout : DEFAULT_TIMEOUT);
}

static enum exit_status
run_help(const struct invocation *i OVS_UNUSED)
{
    printf("%s: shows and steers sg-agent\n"
           "usage: %s [OPTIONS] COMMAND\n\nCommands:\n",
           program_name, program_name);
    for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
        char *left = xasprintf("%s %s", commands[n].name, commands[n].args);

        if (strlen(left) > 24) {
            printf("  %s\n  %-24s %s\n", left, "", commands[n].help);
        } else {
            printf("  %-24s %s\n", left, commands[n].help);
        }
        free(left);
    }
    printf("\nOptions:\n");
    for (size_t n = 0; n < ARRAY_SIZE(options); n++) {
        char *left = xasprintf("--%s%s%s", options[n].name,
                               options[n].arg ? "=" : "",
                               options[n].arg ? options[n].arg : "");

        printf("  %-24s %s\n", left, options[n].help);
        free(left);
    }
    printf("\nExit status: 0 done; 1 failed, or status: not enforcing or not "
           "in sync,\nor trace: not allowed; 2 wrong usage; 3 the agent "
           "cannot be reached.\n");
    return EXIT_DONE;
}

static enum exit_status
run_completion(const struct invocation *i OVS_UNUSED)
{
    printf("complete -o default -W '");
    for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
        printf("%s ", commands[n].name);
    }
    for (size_t n = 0; n < ARRAY_SIZE(options); n++) {
        printf("%s--%s", n ? " " : "", options[n].name);
    }
    printf("' sgctl\n");
    return EXIT_DONE;
}

/* ## The agent ## */

/* Sends the command with these arguments and shows the answer. */
static enum exit_status
ask(const struct invocation *i, int argc, char *argv[], int timeout)
{
    static struct jsonrpc *client;      /* For the life of the process. */
    char *result, *error;
    int retval;

    set_alarm(timeout);
    retval = unixctl_client_create(i->socket, &client);
    if (!retval) {
        retval = unixctl_client_transact(client, i->command->remote, argc,
                                         argv, &result, &error);
    }
    set_alarm(0);
    if (retval) {
        ovs_error(0, "%s: cannot reach the agent: %s", i->socket,
                  ovs_retval_to_string(retval));
        return EXIT_UNREACHABLE;
    }
    if (error) {
        complain(error);
        free(error);
        return EXIT_FAILED;
    }

    enum exit_status status = show(i, result);
    free(result);
    return status;
}

static enum exit_status
show(const struct invocation *i, const char *document)
{
    struct ds out = DS_EMPTY_INITIALIZER;
    bool good = false;
    char *error;

    error = output_format(document, &i->query, &out, &good);
    if (error) {
        complain(error);
        free(error);
    } else {
        fputs(ds_cstr(&out), stdout);
    }
    ds_destroy(&out);
    return good ? EXIT_DONE : EXIT_FAILED;
}

/* What the agent says may hold what somebody else said to it. */
static void
complain(const char *text)
{
    struct ds safe = DS_EMPTY_INITIALIZER;
    size_t len = strlen(text);
    char *copy = xmemdup0(text, len && text[len - 1] == '\n' ? len - 1 : len);

    columns_put_safe(&safe, copy, COLUMNS_KEEP_LINES);
    ovs_error(0, "%s", ds_cstr(&safe));
    free(copy);
    ds_destroy(&safe);
}

/* The library's client waits for ever; the alarm ends that and the process. */
static void
set_alarm(int seconds)
{
    signal(SIGALRM, timed_out);
    alarm(seconds);
}

static void
timed_out(int signal_number OVS_UNUSED)
{
    static const char text[] = "sgctl: no answer from the agent in time\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);

    (void) ignored;
    _exit(EXIT_UNREACHABLE);
}

/* ## Command line ## */

static void
parse(int argc, char *argv[], struct invocation *i)
{
    unsigned int given = parse_options(argc, argv, i);

    if (optind >= argc) {
        usage_error("a command is missing");
    }
    i->command = find_command(argv[optind]);
    if (!i->command) {
        usage_error("there is no command %s", argv[optind]);
    }
    i->query.kind = i->command->kind;
    take_arguments(argc - optind - 1, argv + optind + 1, i);
    for (size_t n = 0; n < ARRAY_SIZE(options); n++) {
        if (options[n].value >= OPT_PORT && options[n].value < OPT_TIMEOUT
            && given & BIT(options[n].value)
            && !(i->command->options & BIT(options[n].value))) {
            usage_error("%s: has no option --%s", i->command->name,
                        options[n].name);
        }
    }
}

static void
take_arguments(int n, char *args[], struct invocation *i)
{
    const struct command *command = i->command;

    if (n > command->max_args) {
        usage_error("%s: unexpected argument %s", command->name,
                    args[command->max_args]);
    }
    if (n < command->min_args) {
        usage_error("%s: expected %s", command->name, command->args);
    }
    for (int k = 0; k < n; k++) {
        if (!*args[k]) {
            usage_error("%s: the argument is empty", command->name);
        }
    }
    i->args = args;
    if (n && command->max_args == 1) {
        i->query.id = args[0];
    }
}

/* Returns the BIT()s of the options that were given. */
static unsigned int
parse_options(int argc, char *argv[], struct invocation *i)
{
    struct option long_options[ARRAY_SIZE(options) + 1];
    unsigned int given = 0;

    memset(long_options, 0, sizeof long_options);
    for (size_t n = 0; n < ARRAY_SIZE(options); n++) {
        long_options[n].name = options[n].name;
        long_options[n].val = options[n].value;
        long_options[n].has_arg = (options[n].arg ? required_argument
                                                  : no_argument);
    }

    for (;;) {
        int c = getopt_long(argc, argv, "s:hV", long_options, NULL);
        unsigned long long int ignored;

        if (c == -1) {
            return given;
        }
        given |= c >= OPT_PORT ? BIT(c) : 0;
        switch (c) {
        case 's':
            i->socket = optarg;
            break;
        case OPT_JSON:
            i->query.json = true;
            break;
        case OPT_TIMEOUT:
            i->timeout = parse_timeout(optarg);
            break;
        case OPT_PORT:
            if (!*optarg) {
                usage_error("--port: the argument is empty");
            }
            i->query.id = optarg;
            break;
        case OPT_FAMILY:
            if (strcmp(optarg, "4") && strcmp(optarg, "6")) {
                usage_error("--family: expected 4 or 6");
            }
            i->query.family = sg_family_name(*optarg == '4' ? SG_IPV4
                                                            : SG_IPV6);
            break;
        case OPT_AGAINST:
            i->against = optarg;
            break;
        case OPT_GENERATION:
            if (!str_to_ullong(optarg, 10, &ignored)) {
                usage_error("--generation: expected a number");
            }
            i->generation = optarg;
            break;
        case OPT_RESET:
            i->reset = true;
            break;
        case OPT_COUNTERS:
            i->query.counters = true;
            break;
        case OPT_MAC:
            i->trace.mac = optarg;
            break;
        case OPT_ICMP_TYPE:
            i->trace.icmp_type = optarg;
            break;
        case OPT_ICMP_CODE:
            i->trace.icmp_code = optarg;
            break;
        case OPT_STATE:
            i->trace.state = optarg;
            break;
        case 'h':
            run_help(i);
            exit(EXIT_DONE);
        case 'V':
            printf("%s %s\n", program_name, SG_VERSION);
            exit(EXIT_DONE);
        default:
            exit(EXIT_USAGE);
        }
    }
}

static int
parse_timeout(const char *text)
{
    int seconds;

    if (!str_to_int(text, 10, &seconds) || seconds < 1
        || seconds > MAX_TIMEOUT) {
        usage_error("--timeout: expected seconds from 1 to %d", MAX_TIMEOUT);
    }
    return seconds;
}

static const struct command *
find_command(const char *name)
{
    for (size_t n = 0; n < ARRAY_SIZE(commands); n++) {
        if (!strcmp(commands[n].name, name)) {
            return &commands[n];
        }
    }
    return NULL;
}

static _Noreturn void
usage_error(const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = xvasprintf(format, args);
    va_end(args);
    ovs_error(0, "%s; try --help", text);
    free(text);
    exit(EXIT_USAGE);
}
