/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later */

/* What only a kernel can show: that foreign rules stay, locks, capabilities,
 * death half-way, and the traps of the kernel that the code steps around.
 * test-iptables-words.c has what single rules mean. */

#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firewall/iptables/ipt_table.h"
#include "openvswitch/util.h"
#include "tests/conformance/backend.h"
#include "tests/lib/netns.h"
#include "util.h"

/* ------------------------------------------------------------------------ */
/* Foreign rules. */

/* A busy host: everything of others is byte for byte as it was, with its
 * counters, while we come, change and go. */
static const char foreign_filter[] =
    "*filter\n:INPUT ACCEPT [7:700]\n:FORWARD DROP [0:0]\n"
    ":OUTPUT ACCEPT [1:2]\n:DOCKER - [0:0]\n:LIBVIRT - [0:0]\n"
    ":zz-last - [0:0]\n"
    "[3:180] -A INPUT -p tcp -m tcp --syn -m limit --limit 5/sec"
    " -j ACCEPT\n"
    "[0:0] -A INPUT -m comment --comment \"a b\" -j zz-last\n"
    "[4:999] -A FORWARD -j DOCKER\n"
    "[5:1000] -A FORWARD ! -i br0 -o br0 -m conntrack"
    " --ctstate INVALID,NEW -j LIBVIRT\n"
    "[6:1001] -A DOCKER -j RETURN\n"
    "[9:9] -A LIBVIRT -j REJECT\n"
    "[2:2] -A zz-last\n"
    "COMMIT\n";

static void
check_foreign_untouched(struct fixture *f, enum sg_family family)
{
    const char *command = iptables_commands[family];
    struct fw_rule hook = make_rule(FW_JUMP, "sg1-root", "qbr+");
    hook.match |= FW_M_COMMENT;
    struct fw_rule drop = make_rule(FW_DROP, NULL, NULL);
    struct fw_edit come[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-root", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-root", 0, &drop),
        make_edit(FW_EDIT_INSERT, "FORWARD", 0, &hook),
        make_edit(FW_EDIT_INSERT, "INPUT", 1, &hook),
    };
    struct fw_edit go[] = {
        make_edit(FW_EDIT_DELETE, "INPUT", 1, NULL),
        make_edit(FW_EDIT_DELETE, "FORWARD", 0, NULL),
        make_edit(FW_EDIT_CHAIN_FLUSH, "sg1-root", 0, NULL),
        make_edit(FW_EDIT_CHAIN_DELETE, "sg1-root", 0, NULL),
    };

    free(netns_run(foreign_filter, "%s-restore -c", command));
    char *before = netns_save(command, "filter", true);
    CHECK_CONTAINS(before, "[5:1000]");

    REQUIRE(!commit_edits(f, family, FW_FILTER, come, ARRAY_SIZE(come)));
    char *with_us = netns_run(NULL, "%s-save -t filter -c | grep -v '^#'"
                              " | grep -v sg1-", command);
    CHECK_STR(with_us, before);

    REQUIRE(!commit_edits(f, family, FW_FILTER, go, ARRAY_SIZE(go)));
    char *after = netns_save(command, "filter", true);
    CHECK_STR(after, before);
    free(after);
    free(with_us);
    free(before);
}

KERNEL_TEST(foreign_untouched)
{
    check_foreign_untouched(f, SG_IPV4);
    check_foreign_untouched(f, SG_IPV6);
}

/* Rules of others that keep an account of their own in the kernel, while
 * packets pass: the table is still the one that was read. */
static const char *const counting_rules[] = {
    "-m limit --limit 1/sec",
    "-m hashlimit --hashlimit-above 5/sec --hashlimit-name x"
    " --hashlimit-mode srcip",
    "-m recent --name x --set",
    "-m statistic --mode nth --every 2 --packet 0",
    "-m quota --quota 100000",
    "-m connlimit --connlimit-above 100",
    "-m connbytes --connbytes 1: --connbytes-dir both"
    " --connbytes-mode packets",
    "-m time --timestart 00:00",
    "-m string --algo bm --string x",
    "-m bpf --bytecode \"1,6 0 0 1\"",
    "-j RATEEST --rateest-name x --rateest-interval 250ms"
    " --rateest-ewma 0.5s",
    "-m rateest --rateest x --rateest-gt --rateest-bps 1",
    "-j IDLETIMER --timeout 10 --label x",
    "-j NFLOG",
};

KERNEL_TEST(foreign_rules_that_count)
{
    struct fw_rule hook = make_rule(FW_DROP, NULL, "qbr+");
    struct fw_edit edit = make_edit(FW_EDIT_INSERT, "FORWARD", 0, &hook);
    struct fw_table table;

    hook.match |= FW_M_COMMENT;
    edit.rule = hook;
    free(netns_run(NULL, "ip link set lo up"));
    for (size_t i = 0; i < ARRAY_SIZE(counting_rules); i++) {
        /* The kernel may lack some. */
        free(netns_run(NULL, "iptables-legacy -A INPUT %s 2>&1 || :",
                       counting_rules[i]));
    }

    fw_table_init(&table);
    REQUIRE(!f->c->begin(f->b));
    REQUIRE(!f->c->read(f->b, SG_IPV4, FW_FILTER, &table));
    const struct fw_chain *chain = fw_table_find(&table, "INPUT");
    REQUIRE(chain && chain->n_rules > ARRAY_SIZE(counting_rules) / 2);
    free(netns_run(NULL, "ping -q -c 4 -i 0.1 127.0.0.1"));
    CHECK_EQ(f->c->commit(f->b, SG_IPV4, FW_FILTER, &edit, 1), 0);
    f->c->end(f->b);
    fw_table_uninit(&table);

    /* Packets that passed meanwhile are counted. */
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_FILTER, &table));
    chain = fw_table_find(&table, "INPUT");
    REQUIRE(chain && chain->n_rules);
    CHECK(chain->rules[chain->n_rules - 1].packets >= 8);
    fw_table_uninit(&table);
}

/* Our chain was made by another version, or by hand: it is read, with rules
 * we do not know; other chains are not read at all. */
KERNEL_TEST(foreign_chains)
{
    struct fw_table table;

    free(netns_run("*security\n:other - [0:0]\n:sg1-future - [0:0]\n"
                   "-A other -j DROP\n-A sg1-future -j other\nCOMMIT\n",
                   "iptables-legacy-restore"));
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    CHECK(!fw_table_find(&table, "other"));
    const struct fw_chain *chain = fw_table_find(&table, "sg1-future");
    REQUIRE(chain && chain->n_rules == 1);
    CHECK(!chain->builtin);
    CHECK_STR(chain->rules[0].target, "other");
    fw_table_uninit(&table);
}

/* Who jumps to a chain of our hooks with conditions that we do not write, is
 * not ours. */
KERNEL_TEST(foreign_jumps_to_a_chain_of_hooks)
{
    struct fw_table table;

    free(netns_run("*security\n:sg1-root - [0:0]\n"
                   "-A FORWARD -i qbr+ -j sg1-root\n"
                   "-A FORWARD -m limit --limit 5/sec -j sg1-root\n"
                   "-A INPUT -m comment --comment mine -j sg1-root\n"
                   "COMMIT\n",
                   "iptables-legacy-restore"));
    fw_table_init(&table);
    REQUIRE(!read_table(f, SG_IPV4, FW_SECURITY, &table));
    const struct fw_chain *chain = fw_table_find(&table, "FORWARD");
    REQUIRE(chain && chain->n_rules == 2);
    CHECK(fw_rule_is_hook(&chain->rules[0]));
    CHECK(!fw_rule_is_hook(&chain->rules[1]));
    CHECK_UEQ(fw_table_find(&table, "sg1-root")->references, 2);
    fw_table_uninit(&table);
}

KERNEL_TEST(policies)
{
    for (int family = 0; family < SG_N_FAMILIES; family++) {
        struct fw_table table;

        free(netns_run(NULL, "%s -P FORWARD DROP",
                       iptables_commands[family]));
        fw_table_init(&table);
        REQUIRE(!read_table(f, family, FW_FILTER, &table));
        const struct fw_chain *forward = fw_table_find(&table, "FORWARD");
        const struct fw_chain *input = fw_table_find(&table, "INPUT");
        REQUIRE(forward && input);
        CHECK(forward->drops && !forward->n_rules);
        CHECK(!input->drops);
        fw_table_uninit(&table);
    }
}

/* ------------------------------------------------------------------------ */
/* Traps. */

static int
lie_about_index(void *aux, const char *name OVS_UNUSED,
                enum sg_family family OVS_UNUSED, uint16_t *index)
{
    *index = *(const uint16_t *) aux;
    return 0;
}

static int
tell_no_name(void *aux OVS_UNUSED, uint16_t index OVS_UNUSED,
             char name[FW_SET_LEN] OVS_UNUSED)
{
    return ENOENT;
}

/* Why set_index must know the family: the kernel accepts an IPv4 rule with a
 * set of IPv6 addresses.  (table_atomic shows that we refuse it.) */
KERNEL_TEST(kernel_accepts_other_family)
{
    uint16_t index = 0;         /* The first set of the namespace. */
    struct ipt_codec codec = { SG_IPV4, lie_about_index, tell_no_name,
                               &index };
    struct fw_rule r = make_rule(FW_ACCEPT, NULL, NULL);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-x", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-x", 0, &r),
    };
    struct ds error = DS_EMPTY_INITIALIZER;
    struct ipt_txn *txn;

    REQUIRE(!create_set(f, SET6, SG_IPV6, 10));
    edits[1].rule.match |= FW_M_SET_SRC;
    ovs_strlcpy(edits[1].rule.set, SET6, sizeof edits[1].rule.set);
    REQUIRE(!ipt_txn_open(&codec, FW_SECURITY, &txn));
    CHECK_EQ(ipt_txn_commit(txn, edits, 2, &error), 0);
    ipt_txn_close(txn);
    CHECK_EQ(get_header(f, SET6).references, 1);
    ds_destroy(&error);

    /* It prints as if nothing were wrong. */
    char *saved = netns_save("iptables-legacy", "security", false);
    CHECK_CONTAINS(saved, "--match-set " SET6 " src -j ACCEPT");
    free(saved);
}

/* The kernel finds loops; so does the model, before it is told. */
KERNEL_TEST(loop_refused)
{
    struct fw_rule to_b = make_rule(FW_JUMP, "sg1-b", NULL);
    struct fw_rule to_a = make_rule(FW_JUMP, "sg1-a", NULL);
    struct fw_edit edits[] = {
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-a", 0, NULL),
        make_edit(FW_EDIT_CHAIN_CREATE, "sg1-b", 0, NULL),
        make_edit(FW_EDIT_INSERT, "sg1-a", 0, &to_b),
        make_edit(FW_EDIT_INSERT, "sg1-b", 0, &to_a),
        make_edit(FW_EDIT_INSERT, "FORWARD", 0, &to_a),
    };
    char *before = netns_save("iptables-legacy", "security", true);

    CHECK_EQ(commit_edits(f, SG_IPV4, FW_SECURITY, edits, 5), EINVAL);
    CHECK_CONTAINS(f->c->error(f->b), "IPv4 security: commit");
    char *after = netns_save("iptables-legacy", "security", true);
    CHECK_STR(after, before);
    free(after);
    free(before);
}

/* Sets that bear our names and are not what we make. */
KERNEL_TEST(foreign_set_types)
{
    static const struct {
        const char *name, *create;
        bool foreign;
    } rows[] = {
        { "sg1-m4a-00000000-000000000001", "hash:ip", false },
        { "sg1-m4a-00000000-000000000002", "hash:ip maxelem 7", false },
        { "sg1-m4a-00000000-000000000003", "hash:net", true },
        { "sg1-m4a-00000000-000000000004", "hash:ip family inet6", true },
        { "sg1-m6a-00000000-000000000005", "hash:ip", true },
        { "sg1-m6b-00000000-000000000006", "hash:ip family inet6", false },
        { "sg1-m4a-00000000-000000000007", "hash:ip timeout 60", true },
        { "sg1-m4a-00000000-000000000008", "hash:ip netmask 24", true },
        { "sg1-m4a-00000000-000000000009", "hash:ip forceadd", true },
        { "sg1-m4a-00000000-00000000000a", "hash:ip counters", true },
        { "sg1-m4a-00000000-00000000000b", "bitmap:ip range 10.0.0.0/24",
          true },
        { "sg1-m4a-00000000-00000000000c", "list:set", true },
        { "sg1-n4a-00000000-00000000000d", "hash:net", false },
        { "sg1-n6b-00000000-00000000000e", "hash:net family inet6", false },
        { "sg1-n4a-00000000-00000000000f", "hash:net family inet6", true },
        { "sg1-n4a-00000000-000000000010", "hash:ip", true },
        { "sg1-n4a-00000000-000000000011", "hash:net,port", true },
        { "sg1-n4a-00000000-000000000012", "hash:net timeout 60", true },
    };
    struct fw_ruleset *rs = fw_ruleset_create();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        free(netns_run(NULL, "ipset create %s %s",
                       rows[i].name, rows[i].create));
    }
    CHECK_EQ(f->c->list_sets(f->b, rs), 0);
    CHECK_UEQ(hmap_count(&rs->sets), ARRAY_SIZE(rows));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct fw_set *set = fw_ruleset_find_set(rs, rows[i].name);

        REQUIRE(set);
        if (!CHECK_EQ(set->foreign_type, rows[i].foreign)) {
            FAIL("%s %s", rows[i].name, rows[i].create);
        }
        /* The family of the name, so that it is replaced by what belongs
         * there. */
        CHECK_EQ(set->family, rows[i].name[5] == '6' ? SG_IPV6 : SG_IPV4);
        CHECK_EQ(set->content, rows[i].name[4] == 'n' ? FW_NETS : FW_HOSTS);
    }
    fw_ruleset_destroy(rs);
}

/* Somebody turned a prefix of ours into an exception.  It is not said to be
 * there, and comes back when it is added. */
KERNEL_TEST(prefix_made_an_exception)
{
    struct fw_set nets = make_set("sg1-n4a-00000000-000000000001", SG_IPV4,
                                  100);
    struct sg_prefix two[] = {
        { .family = SG_IPV4, .plen = 8, .addr = { 10 } },
        { .family = SG_IPV4, .plen = 8, .addr = { 11 } },
    };
    char *text;

    REQUIRE(!f->c->set_create(f->b, &nets));
    REQUIRE(!f->c->set_add(f->b, &nets, two, 2, NULL));
    free(netns_run(NULL, "ipset -exist add %s 10.0.0.0/8 nomatch",
                   nets.name));
    CHECK_EQ(get_header(f, nets.name).elements, 2);
    CHECK_UEQ(count_members(f, nets.name, SG_IPV4), 1);
    CHECK_EQ(f->c->set_add(f->b, &nets, two, 1, NULL), 0);
    CHECK_UEQ(count_members(f, nets.name, SG_IPV4), 2);
    text = netns_run(NULL, "ipset list %s", nets.name);
    CHECK(!strstr(text, "nomatch"));
    free(text);
}

/* Killed in the middle of a large batch: what was sent stays. */
KERNEL_TEST(killed_half_way)
{
    struct fw_set set4 = named(SET4, SG_IPV4);
    enum { N = 200000 };
    struct sg_prefix *many = make_hosts(SG_IPV4, 1, N);
    size_t left = 0;

    REQUIRE(!create_set(f, SET4, SG_IPV4, FW_SET_MAXELEM));
    fflush(stdout);
    for (int tries = 0; tries < 10 && (!left || left == N); tries++) {
        pid_t pid = fork();

        REQUIRE(pid >= 0);
        if (!pid) {
            char *error;
            struct fw_backend *b = fw_backend_iptables_create(
                &(struct fw_backend_iptables_config) { LOCK }, &error);

            _exit(!b || b->class->set_add(b, &set4, many, N, NULL));
        }
        while (!get_header(f, SET4).elements
               && !waitpid(pid, NULL, WNOHANG)) {
            sched_yield();
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        left = get_header(f, SET4).elements;
        if (left == N) {
            REQUIRE(!f->c->set_del(f->b, &set4, many, N, NULL));
        }
    }
    CHECK(left > 0 && left < N);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), left);

    /* The next agent fills it up. */
    size_t n_done;
    CHECK_EQ(f->c->set_add(f->b, &set4, many, N, &n_done), 0);
    CHECK_UEQ(n_done, N);
    CHECK_EQ(get_header(f, SET4).elements, N);
    free(many);
}

/* ------------------------------------------------------------------------ */
/* Zones of others. */

/* As Neutron's hybrid driver writes them, in a chain of its own; a chain that
 * nobody jumps to; and what is not the zone of a device. */
static const char others_zones[] =
    "*raw\n"
    ":neutron-openvswi-PREROUTING - [0:0]\n"
    ":sg10-lost - [0:0]\n"
    "-A PREROUTING -j neutron-openvswi-PREROUTING\n"
    "-A PREROUTING -i qbrother ! -s %s -j CT --zone 9\n"
    "-A PREROUTING ! -i qbrnot -j CT --zone 10\n"
    "-A PREROUTING -m physdev ! --physdev-in tapnot -j CT --zone 11\n"
    "-A PREROUTING -m physdev --physdev-in tapp+ -j CT --zone 12\n"
    "-A PREROUTING -m physdev --physdev-in tapp --physdev-out tapq "
        "-j CT --zone 13\n"
    "-A PREROUTING -m physdev --physdev-is-bridged -j CT --zone 14\n"
    "-A PREROUTING -i qbrdir -j CT --zone-orig 15\n"
    "-A PREROUTING -i qbrdir -j CT --zone-reply 16\n"
    "-A PREROUTING -i qbrmark -j CT --zone mark\n"
    "-A PREROUTING -i qbrnone -j CT --notrack\n"
    "-A PREROUTING -i qbrzero -j CT --ctevents new\n"
    "-A PREROUTING -i qbrevents -j CT --zone 17 --ctevents new\n"
    "-A PREROUTING -p udp -i qbrudp -j CT --zone 18\n"
    "-A PREROUTING -i qbrfrag -m limit --limit 1/s -j CT --zone 19\n"
    "-A PREROUTING -i fifteencharname -j CT --zone 20\n"
    "-A neutron-openvswi-PREROUTING -m physdev --physdev-in qvb11111111-11 "
        "-m comment --comment \"Set zone for 11111111-11\" "
        "-j CT --zone 4097\n"
    "-A neutron-openvswi-PREROUTING -i qvb11111111-11 "
        "-m comment --comment \"Set zone for 11111111-11\" "
        "-j CT --zone 4097\n"
    "-A neutron-openvswi-PREROUTING -m physdev --physdev-in tap11111111-11 "
        "-m comment --comment \"Set zone for 11111111-11\" "
        "-j CT --zone 4097\n"
    "-A sg10-lost -i qbr22222222-22 -j CT --zone 1\n"
    "COMMIT\n";

KERNEL_TEST(zones_of_others)
{
    static const char expected[] =
        "%1$s 1 qbr22222222-22\n%1$s 10 \n%1$s 11 \n%1$s 12 \n%1$s 13 \n"
        "%1$s 14 \n%1$s 15 \n%1$s 16 \n%1$s 17 qbrevents\n%1$s 18 \n"
        "%1$s 19 \n%1$s 20 fifteencharname\n%1$s 4097 qvb11111111-11\n"
        "%1$s 4097 qvb11111111-11\n%1$s 4097 tap11111111-11\n%1$s 9 ";

    for (int family = 0; family < SG_N_FAMILIES; family++) {
        char *text = xasprintf(others_zones, family == SG_IPV4
                               ? "192.0.2.1" : "2001:db8::1");
        char *want = xasprintf(expected, sg_family_name(family));

        free(netns_run(text, family == SG_IPV4 ? "iptables-legacy-restore"
                       : "ip6tables-legacy-restore"));
        char *zones = get_zones(f, family);
        CHECK_STR(zones, want);
        free(zones);
        free(want);
        free(text);
    }
}

/* ------------------------------------------------------------------------ */
/* The lock. */

KERNEL_TEST(lock_held)
{
    struct stat st;

    /* Ours: the iptables command waits. */
    unlink(LOCK);
    CHECK(stat(LOCK, &st) < 0);
    REQUIRE(!f->c->begin(f->b));
    CHECK(!stat(LOCK, &st));
    CHECK_EQ(st.st_mode & 07777, 0600);
    int fd = open(LOCK, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    CHECK(flock(fd, LOCK_SH | LOCK_NB) < 0);
    close(fd);
    free(netns_run(NULL, "! timeout 0.2 iptables-legacy -w -A FORWARD"));
    f->c->end(f->b);
    free(netns_run(NULL, "iptables-legacy -L"));

    /* Theirs: we say so at once. */
    fd = open(LOCK, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0 && !flock(fd, LOCK_SH));
    CHECK_EQ(f->c->begin(f->b), EAGAIN);
    CHECK_CONTAINS(f->c->error(f->b), LOCK);
    close(fd);
    CHECK_EQ(f->c->begin(f->b), 0);
    f->c->end(f->b);
    unlink(LOCK);
}

/* A link planted in the lock's place is not followed. */
KERNEL_TEST(lock_is_link)
{
    struct stat st;

    unlink(LOCK);
    REQUIRE(!symlink("/run/planted", LOCK));
    CHECK_EQ(f->c->begin(f->b), ELOOP);
    CHECK(stat("/run/planted", &st) < 0);
    unlink(LOCK);
    CHECK_EQ(f->c->begin(f->b), 0);
    f->c->end(f->b);
    unlink(LOCK);
}

/* A child process does not inherit the lock. */
KERNEL_TEST(lock_closed_on_exec)
{
    REQUIRE(!f->c->begin(f->b));
    free(netns_run(NULL, "! ls -l /proc/self/fd | grep -q xtables.lock"));
    f->c->end(f->b);
}

/* Programs that we might start inherit nothing but libipset's socket, which
 * the library opens where we cannot reach it. */
KERNEL_TEST(descriptors)
{
    struct fw_set set4 = named(SET4, SG_IPV4);
    struct sg_prefix one = make_host(SG_IPV4, 1);
    struct fw_table table;

    REQUIRE(!create_set(f, SET4, SG_IPV4, 10));
    REQUIRE(!f->c->set_add(f->b, &set4, &one, 1, NULL));
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
    fw_table_init(&table);
    REQUIRE(!f->c->begin(f->b));
    REQUIRE(!f->c->read(f->b, SG_IPV4, FW_SECURITY, &table));
    char *n = netns_run(NULL, "ls -l /proc/self/fd | grep -c socket:");
    f->c->end(f->b);
    fw_table_uninit(&table);
    CHECK_STR(n, "1\n");
    free(n);
}

/* ------------------------------------------------------------------------ */
/* Capabilities. */

/* Runs in a child that has given its rights away. */
static void
as_nobody(void (*run)(struct fixture *), struct fixture *f)
{
    int status;

    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (!pid) {
        /* Inside a user namespace only root may exist. */
        if (setresuid(65534, 65534, 65534)) {
            _exit(77);
        }
        run(f);
        _exit(test_failed());
    }
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        SKIP("no other user in this user namespace");
    }
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void
check_no_rights(struct fixture *f)
{
    struct fw_set set4 = named(SET4, SG_IPV4);
    struct fw_ruleset *rs = fw_ruleset_create();
    struct sg_prefix one = make_host(SG_IPV4, 1);
    struct fw_set set = make_set("sg1-tmp-1", SG_IPV4, 10);
    struct sg_prefix_list list = SG_PREFIX_LIST_INITIALIZER;
    char *error = NULL;

    /* A session that was opened with rights is of no use without. */
    CHECK_EQ(f->c->set_add(f->b, &set4, &one, 1, NULL), EPERM);
    CHECK_EQ(f->c->set_create(f->b, &set), EPERM);
    CHECK_EQ(f->c->set_destroy(f->b, SET4), EPERM);
    CHECK_EQ(f->c->list_sets(f->b, rs), EPERM);
    CHECK_EQ(f->c->set_members(f->b, &set4, &list), EPERM);
    CHECK(!fw_backend_iptables_create(
              &(struct fw_backend_iptables_config) { LOCK }, &error));
    CHECK_CONTAINS(error, "not permitted");
}

KERNEL_TEST(without_rights)
{
    struct fw_set set4 = named(SET4, SG_IPV4);
    struct sg_prefix one = make_host(SG_IPV4, 1);

    REQUIRE(!create_set(f, SET4, SG_IPV4, 10));
    REQUIRE(!f->c->set_add(f->b, &set4, &one, 1, NULL));
    as_nobody(check_no_rights, f);
    CHECK_UEQ(count_members(f, SET4, SG_IPV4), 1);
}
