# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#
# make                 everything, into build/
# make check           unit and golden tests: no root, no broker, no kernel
# make help            the other targets
#
# To add a source: one line in the right list below, sorted.  A list line that
# starts with '#' names a planned file; remove the '#' when the file exists.
#
# Variants: CC=clang make BUILD=build/clang
#           make SANITIZE=address,undefined BUILD=build/asan
# The Open vSwitch library stays in build/ovs for all of them.

VERSION := 0.1.0

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=

BUILD ?= build
V ?= 0
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
INSTALL ?= install
PKG_CONFIG ?= pkg-config
CPPCHECK ?= cppcheck
CFLAGS ?= -O2 -g
WERROR ?= -Werror
SANITIZE ?=

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules
all:

# ---------------------------------------------------------------------------
# Sources, one per line, sorted.

# P files: values in, values out.  libsgcore.a needs no kernel, broker or clock.
CORE_SRCS += agent/acks.c
CORE_SRCS += agent/config.c
CORE_SRCS += agent/config_doc.c
CORE_SRCS += agent/config_keys.c
CORE_SRCS += agent/kept.c
CORE_SRCS += agent/last_good.c
CORE_SRCS += agent/latency.c
CORE_SRCS += agent/log_budget.c
CORE_SRCS += agent/loop_watch.c
CORE_SRCS += agent/member_changes.c
CORE_SRCS += agent/metrics.c
CORE_SRCS += agent/pacer.c
CORE_SRCS += agent/parts.c
CORE_SRCS += agent/plug.c
CORE_SRCS += agent/policy_store.c
CORE_SRCS += agent/port_status.c
CORE_SRCS += agent/received.c
CORE_SRCS += agent/report.c
CORE_SRCS += agent/report_kernel.c
CORE_SRCS += agent/report_latency.c
CORE_SRCS += agent/report_limits.c
CORE_SRCS += agent/report_trace.c
CORE_SRCS += agent/revoke.c
CORE_SRCS += agent/revoke_pass.c
CORE_SRCS += agent/start.c
CORE_SRCS += agent/store_apply.c
CORE_SRCS += agent/store_digest.c
CORE_SRCS += agent/store_limits.c
CORE_SRCS += agent/store_objects.c
CORE_SRCS += agent/store_removal.c
CORE_SRCS += agent/sync.c
CORE_SRCS += agent/sync_answer.c
CORE_SRCS += agent/sync_call.c
CORE_SRCS += agent/sync_message.c
CORE_SRCS += agent/sync_objects.c
CORE_SRCS += agent/sync_regress.c
CORE_SRCS += agent/sync_removal.c
CORE_SRCS += agent/sync_renewal.c
CORE_SRCS += agent/sync_status.c
CORE_SRCS += agent/trace_query.c
CORE_SRCS += agent/zone_alloc.c
CORE_SRCS += agent/zone_claims.c
CORE_SRCS += firewall/apply.c
CORE_SRCS += firewall/backend_memory.c
CORE_SRCS += firewall/backend_memory_sets.c
CORE_SRCS += firewall/dispatch.c
CORE_SRCS += firewall/firewall.c
CORE_SRCS += firewall/flow_table_memory.c
CORE_SRCS += firewall/flow_verdict.c
CORE_SRCS += firewall/iptables/ipt_blob.c
CORE_SRCS += firewall/iptables/ipt_codec.c
CORE_SRCS += firewall/iptables/ipt_rule.c
CORE_SRCS += firewall/iptables/ipt_zone.c
CORE_SRCS += firewall/l2_elements.c
CORE_SRCS += firewall/l2_guard_memory.c
CORE_SRCS += firewall/l2_keeper.c
CORE_SRCS += firewall/l2_tables.c
CORE_SRCS += firewall/l2_view.c
CORE_SRCS += firewall/l2guard/l2_key.c
CORE_SRCS += firewall/live_set.c
CORE_SRCS += firewall/member_delta.c
CORE_SRCS += firewall/names.c
CORE_SRCS += firewall/plan.c
CORE_SRCS += firewall/plan_check.c
CORE_SRCS += firewall/prospect.c
CORE_SRCS += firewall/render.c
CORE_SRCS += firewall/render_fixed.c
CORE_SRCS += firewall/render_rule.c
CORE_SRCS += firewall/ruleset.c
CORE_SRCS += firewall/ruleset_check.c
CORE_SRCS += firewall/ruleset_format.c
CORE_SRCS += firewall/set_table.c
CORE_SRCS += firewall/set_users.c
CORE_SRCS += firewall/set_writer.c
CORE_SRCS += firewall/slots.c
CORE_SRCS += firewall/snapshot.c
CORE_SRCS += firewall/sources.c
CORE_SRCS += firewall/table_diff.c
CORE_SRCS += firewall/trace.c
CORE_SRCS += firewall/trace_text.c
CORE_SRCS += firewall/walk.c
CORE_SRCS += include/sg/latency.c
CORE_SRCS += include/sg/members.c
CORE_SRCS += include/sg/policy.c
CORE_SRCS += include/sg/port_source.c
CORE_SRCS += include/sg/types.c
CORE_SRCS += include/sg/update.c
CORE_SRCS += rpc/ack_window.c
CORE_SRCS += rpc/address_range.c
CORE_SRCS += rpc/amqp_frame.c
CORE_SRCS += rpc/amqp_reason.c
CORE_SRCS += rpc/binding_table.c
CORE_SRCS += rpc/digest.c
CORE_SRCS += rpc/message.c
CORE_SRCS += rpc/message_decode.c
CORE_SRCS += rpc/message_encode.c
CORE_SRCS += rpc/message_encode_update.c
CORE_SRCS += rpc/message_json.c
CORE_SRCS += rpc/message_members.c
CORE_SRCS += rpc/message_port.c
CORE_SRCS += rpc/message_request.c
CORE_SRCS += rpc/message_rules.c
CORE_SRCS += rpc/publish_window.c
CORE_SRCS += rpc/rule.c
CORE_SRCS += rpc/sequence.c
CORE_SRCS += rpc/topology.c

# io files: thin, they touch the world.  libsgio.a.
IO_SRCS += agent/adopt.c
IO_SRCS += agent/agent.c
IO_SRCS += agent/bridge_watch.c
IO_SRCS += agent/broker.c
IO_SRCS += agent/config_file.c
IO_SRCS += agent/control.c
IO_SRCS += agent/inspect.c
IO_SRCS += agent/link_watch.c
IO_SRCS += agent/plugs.c
IO_SRCS += agent/policy_keeper.c
IO_SRCS += agent/port_watch.c
IO_SRCS += agent/revoker.c
IO_SRCS += agent/self_report.c
IO_SRCS += agent/state_file.c
IO_SRCS += agent/timing.c
IO_SRCS += firewall/conntrack.c
IO_SRCS += firewall/iptables/backend_iptables.c
IO_SRCS += firewall/iptables/ipt_table.c
IO_SRCS += firewall/iptables/kset.c
IO_SRCS += firewall/iptables/kset_list.c
IO_SRCS += firewall/iptables/xtables_lock.c
IO_SRCS += firewall/l2guard/nft_guard.c
IO_SRCS += firewall/l2guard/nft_others.c
IO_SRCS += firewall/l2guard/nft_rules.c
IO_SRCS += firewall/l2guard/nft_talk.c
IO_SRCS += rpc/amqp_client.c
IO_SRCS += rpc/amqp_conn.c
IO_SRCS += rpc/amqp_consumer.c
IO_SRCS += rpc/amqp_login.c
IO_SRCS += rpc/amqp_publisher.c
IO_SRCS += rpc/amqp_thread.c
IO_SRCS += rpc/handover.c
IO_SRCS += rpc/resolver.c

# P files of the programs under tools/, so that unit tests can reach them.
# libsgtools.a.
TOOLS_SRCS += tools/columns.c
TOOLS_SRCS += tools/output.c
TOOLS_SRCS += tools/output_kernel.c
TOOLS_SRCS += tools/output_text.c
TOOLS_SRCS += tools/output_trace.c
TOOLS_SRCS += tools/sg-controller/answer.c
TOOLS_SRCS += tools/sg-controller/beacon.c
TOOLS_SRCS += tools/sg-controller/closure.c
TOOLS_SRCS += tools/sg-controller/core.c
TOOLS_SRCS += tools/sg-controller/diff.c
TOOLS_SRCS += tools/sg-controller/dispatch.c
TOOLS_SRCS += tools/sg-controller/documents.c
TOOLS_SRCS += tools/sg-controller/entry_cache.c
TOOLS_SRCS += tools/sg-controller/fields.c
TOOLS_SRCS += tools/sg-controller/host_view.c
TOOLS_SRCS += tools/sg-controller/id_list.c
TOOLS_SRCS += tools/sg-controller/interest.c
TOOLS_SRCS += tools/sg-controller/membership.c
TOOLS_SRCS += tools/sg-controller/page_token.c
TOOLS_SRCS += tools/sg-controller/port_change.c
TOOLS_SRCS += tools/sg-controller/port_reader.c
TOOLS_SRCS += tools/sg-controller/preview.c
TOOLS_SRCS += tools/sg-controller/publish.c
TOOLS_SRCS += tools/sg-controller/reader.c
TOOLS_SRCS += tools/sg-controller/ref_set.c
TOOLS_SRCS += tools/sg-controller/rule_reader.c
TOOLS_SRCS += tools/sg-controller/state.c
TOOLS_SRCS += tools/sg-controller/topology.c
TOOLS_SRCS += tools/sg-controller/topology_load.c
TOOLS_SRCS += tools/sg-swarm/placement.c
TOOLS_SRCS += tools/trace_args.c

# The programs' own files: main and what only that program has.
AGENT_SRCS += agent/main.c

SGCTL_SRCS += tools/sgctl.c

CONTROLLER_SRCS += tools/sg-controller/commands.c
CONTROLLER_SRCS += tools/sg-controller/files.c
CONTROLLER_SRCS += tools/sg-controller/history.c
CONTROLLER_SRCS += tools/sg-controller/main.c
CONTROLLER_SRCS += tools/sg-controller/saver.c
CONTROLLER_SRCS += tools/sg-controller/service.c
CONTROLLER_SRCS += tools/sg-controller/source.c

# Many simulated hosts, for measurements; not installed.
SWARM_SRCS += tools/sg-controller/files.c
SWARM_SRCS += tools/sg-swarm/commands.c
SWARM_SRCS += tools/sg-swarm/main.c
SWARM_SRCS += tools/sg-swarm/swarm.c

# Helpers for all kinds of tests.  libsgtest.a; it has a main().
TESTLIB_SRCS += tests/bench/bench_run.c
TESTLIB_SRCS += tests/bench/controller.c
TESTLIB_SRCS += tests/bench/cpu_account.c
TESTLIB_SRCS += tests/bench/kernel_view.c
TESTLIB_SRCS += tests/bench/packet_path.c
TESTLIB_SRCS += tests/bench/packet_rules.c
TESTLIB_SRCS += tests/bench/run_structure.c
TESTLIB_SRCS += tests/bench/synthetic.c
TESTLIB_SRCS += tests/bench/table_view.c
TESTLIB_SRCS += tests/conformance/amqp_fixture.c
TESTLIB_SRCS += tests/conformance/backend.c
TESTLIB_SRCS += tests/conformance/plug_frames.c
TESTLIB_SRCS += tests/lib/amqp_fake.c
TESTLIB_SRCS += tests/lib/amqp_peer.c
TESTLIB_SRCS += tests/lib/answer-host.c
TESTLIB_SRCS += tests/lib/answer-store.c
TESTLIB_SRCS += tests/lib/core-fixture.c
TESTLIB_SRCS += tests/lib/firewall-fixture.c
TESTLIB_SRCS += tests/lib/lab-sock.c
TESTLIB_SRCS += tests/lib/netns.c
TESTLIB_SRCS += tests/lib/eval.c
TESTLIB_SRCS += tests/lib/policy-text.c
TESTLIB_SRCS += tests/lib/random-answer-packet.c
TESTLIB_SRCS += tests/lib/random-answer.c
TESTLIB_SRCS += tests/lib/random-message.c
TESTLIB_SRCS += tests/lib/random-policy.c
TESTLIB_SRCS += tests/lib/prober-account.c
TESTLIB_SRCS += tests/lib/prober-flow.c
TESTLIB_SRCS += tests/lib/random_rule.c
TESTLIB_SRCS += tests/lib/report-fixture.c
TESTLIB_SRCS += tests/lib/revoke-fixture.c
TESTLIB_SRCS += tests/lib/rpc-text.c
TESTLIB_SRCS += tests/lib/sim-agent.c
TESTLIB_SRCS += tests/lib/sim-bus.c
TESTLIB_SRCS += tests/lib/sim-cloud.c
TESTLIB_SRCS += tests/lib/sim-controller.c
TESTLIB_SRCS += tests/lib/sim-oracle.c
TESTLIB_SRCS += tests/lib/sim-world.c
TESTLIB_SRCS += tests/lib/semantics-read.c
TESTLIB_SRCS += tests/lib/semantics-text.c
TESTLIB_SRCS += tests/lib/semantics.c
TESTLIB_SRCS += tests/lib/store-fixture.c
TESTLIB_SRCS += tests/lib/test.c
TESTLIB_SRCS += tests/lib/trace-fixture.c
TESTLIB_SRCS += tests/lib/two-judges.c
TESTLIB_SRCS += tests/lib/update-text.c

# Each file is one program, $(BUILD)/tests/<its name>; names are unique.
# Pure ones (unit, property, fault on the model kernel) link libsgcore.a and
# libsgtools.a with jansson, libyaml and libopenvswitch, and nothing else.
UNIT_TESTS += tests/property/test-agreement-live.c
UNIT_TESTS += tests/property/test-agreement.c
UNIT_TESTS += tests/property/test-firewall-prop.c
UNIT_TESTS += tests/property/test-plan-prop.c
UNIT_TESTS += tests/property/test-protocol-sim.c
UNIT_TESTS += tests/property/test-render-prop.c
UNIT_TESTS += tests/unit/test-firewall-faults.c
UNIT_TESTS += tests/unit/test-firewall.c
UNIT_TESTS += tests/unit/test-ack-window.c
UNIT_TESTS += tests/unit/test-acks.c
UNIT_TESTS += tests/unit/test-address-range.c
UNIT_TESTS += tests/unit/test-amqp-frame.c
UNIT_TESTS += tests/unit/test-amqp-reason.c
UNIT_TESTS += tests/unit/test-answer.c
UNIT_TESTS += tests/unit/test-binding-table.c
UNIT_TESTS += tests/unit/test-blob.c
UNIT_TESTS += tests/unit/test-canonical.c
UNIT_TESTS += tests/unit/test-codec.c
UNIT_TESTS += tests/unit/test-config.c
UNIT_TESTS += tests/unit/test-core-hosts.c
UNIT_TESTS += tests/unit/test-core.c
UNIT_TESTS += tests/unit/test-diff.c
UNIT_TESTS += tests/unit/test-digest.c
UNIT_TESTS += tests/unit/test-dispatch.c
UNIT_TESTS += tests/unit/test-growth.c
UNIT_TESTS += tests/unit/test-harness.c
UNIT_TESTS += tests/unit/test-l2-elements.c
UNIT_TESTS += tests/unit/test-l2-keeper.c
UNIT_TESTS += tests/unit/test-l2-tables.c
UNIT_TESTS += tests/unit/test-l2-view.c
UNIT_TESTS += tests/unit/test-last-good.c
UNIT_TESTS += tests/unit/test-log-budget.c
UNIT_TESTS += tests/unit/test-hostile.c
UNIT_TESTS += tests/unit/test-inline.c
UNIT_TESTS += tests/unit/test-known-tables.c
UNIT_TESTS += tests/unit/test-latency.c
UNIT_TESTS += tests/unit/test-members.c
UNIT_TESTS += tests/unit/test-membership.c
UNIT_TESTS += tests/unit/test-message-codec.c
UNIT_TESTS += tests/unit/test-message-limits.c
UNIT_TESTS += tests/unit/test-message-size.c
UNIT_TESTS += tests/unit/test-message.c
UNIT_TESTS += tests/unit/test-metrics.c
UNIT_TESTS += tests/unit/test-names.c
UNIT_TESTS += tests/unit/test-patch.c
UNIT_TESTS += tests/unit/test-placement.c
UNIT_TESTS += tests/unit/test-plan.c
UNIT_TESTS += tests/unit/test-output.c
UNIT_TESTS += tests/unit/test-pacer.c
UNIT_TESTS += tests/unit/test-parts.c
UNIT_TESTS += tests/unit/test-plug.c
UNIT_TESTS += tests/unit/test-policy.c
UNIT_TESTS += tests/unit/test-poison.c
UNIT_TESTS += tests/unit/test-port-message.c
UNIT_TESTS += tests/unit/test-port-status.c
UNIT_TESTS += tests/unit/test-prefixes.c
UNIT_TESTS += tests/unit/test-prober-account.c
UNIT_TESTS += tests/unit/test-protocol-doc.c
UNIT_TESTS += tests/unit/test-publish-window.c
UNIT_TESTS += tests/unit/test-received.c
UNIT_TESTS += tests/unit/test-refusal.c
UNIT_TESTS += tests/unit/test-remotes.c
UNIT_TESTS += tests/unit/test-render.c
UNIT_TESTS += tests/unit/test-report-kernel.c
UNIT_TESTS += tests/unit/test-report.c
UNIT_TESTS += tests/unit/test-revoke-lack.c
UNIT_TESTS += tests/unit/test-revoke-pace.c
UNIT_TESTS += tests/unit/test-revoke-ports.c
UNIT_TESTS += tests/unit/test-revoke.c
UNIT_TESTS += tests/unit/test-ruleset.c
UNIT_TESTS += tests/unit/test-rpc-topology.c
UNIT_TESTS += tests/unit/test-rule.c
UNIT_TESTS += tests/unit/test-rule-forms.c
UNIT_TESTS += tests/unit/test-semantics.c
UNIT_TESTS += tests/unit/test-sequence.c
UNIT_TESTS += tests/unit/test-silence.c
UNIT_TESTS += tests/unit/test-start.c
UNIT_TESTS += tests/unit/test-store-known.c
UNIT_TESTS += tests/unit/test-store-limits.c
UNIT_TESTS += tests/unit/test-store.c
UNIT_TESTS += tests/unit/test-sync.c
UNIT_TESTS += tests/unit/test-timing.c
UNIT_TESTS += tests/unit/test-taking-away.c
UNIT_TESTS += tests/unit/test-topology.c
UNIT_TESTS += tests/unit/test-trace-args.c
UNIT_TESTS += tests/unit/test-trace-installed.c
UNIT_TESTS += tests/unit/test-trace-needed.c
UNIT_TESTS += tests/unit/test-trace.c
UNIT_TESTS += tests/unit/test-types.c
UNIT_TESTS += tests/unit/test-walk.c
UNIT_TESTS += tests/unit/test-zone.c

# Scripts that check-unit runs like those; they end with the same count.
UNIT_SCRIPTS += tests/unit/test-schema

# Pure programs that such scripts run.
UNIT_HELPERS += tests/lib/emit-messages.c

# tests/golden/golden-X.c reads a case on standard input and prints the result;
# its cases are tests/golden/X/*.in with the expected *.out beside them.
GOLDEN_TESTS += tests/golden/golden-message.c

# Fuzz targets: LLVMFuzzerTestOneInput() and nothing else.  Pure.  Inputs that
# once found something are tests/fuzz/corpus/X/* for fuzz-X.c; check replays
# them, "make fuzz" looks for new ones with clang's libFuzzer.
FUZZ_TARGETS += tests/fuzz/fuzz-ipt-codec.c
FUZZ_TARGETS += tests/fuzz/fuzz-last-good.c
FUZZ_TARGETS += tests/fuzz/fuzz-message.c
FUZZ_TARGETS += tests/fuzz/fuzz-sync.c

# These link everything, but no clock and no network: they bring their own.
FUZZ_IO_TARGETS += tests/fuzz/fuzz-amqp.c

# Helpers of theirs, not from libsgtest.a, whose main() would win.
FUZZ_LIB_SRCS += tests/lib/amqp-frames.c
FUZZ_LIB_SRCS += tests/lib/fuzz-round-trip.c

GOLDEN_TESTS += tests/golden/golden-render.c
GOLDEN_TESTS += tests/golden/golden-sync.c

# These link everything and may need a private network namespace or root.
CONFORMANCE_TESTS += tests/conformance/test-agreement-packets.c
CONFORMANCE_TESTS += tests/conformance/test-amqp-faults.c
CONFORMANCE_TESTS += tests/conformance/test-backend-sets.c
CONFORMANCE_TESTS += tests/conformance/test-backend.c
CONFORMANCE_TESTS += tests/conformance/test-flow-table.c
CONFORMANCE_TESTS += tests/conformance/test-handover.c
CONFORMANCE_TESTS += tests/conformance/test-iptables-words.c
CONFORMANCE_TESTS += tests/conformance/test-iptables.c
CONFORMANCE_TESTS += tests/conformance/test-l2-guard.c
CONFORMANCE_TESTS += tests/conformance/test-refusal-kernel.c
CONFORMANCE_TESTS += tests/conformance/test-state-file.c

# The same, run beside a broker of their own (tests/lib/with-broker).
BROKER_TESTS += tests/conformance/test-amqp-client.c
BROKER_TESTS += tests/conformance/test-amqp-partition.c
BROKER_TESTS += tests/conformance/test-amqp-session.c

#BENCH_TESTS += tests/bench/bench-apply.c
BENCH_TESTS += tests/bench/bench-backend.c
BENCH_TESTS += tests/bench/bench-revoke.c

# Programs that system tests call; they have a main() of their own or use
# libsgtest.a's.
IO_TESTS += tests/bench/bench-controller.c
IO_TESTS += tests/bench/bench-messages.c
IO_TESTS += tests/bench/bench-amqp.c
IO_TESTS += tests/bench/bench-frames.c
IO_TESTS += tests/lib/lab-flow.c
IO_TESTS += tests/lib/prober.c

# What system tests preload into a program: $(BUILD)/tests/<name>.so.
TEST_SHIMS += tests/lib/die.c
TEST_SHIMS += tests/lib/rcvbuf.c
TEST_SHIMS += tests/lib/teeth.c

# Files that include Open vSwitch's JSON or IDL headers.  They are compiled
# with the names of the six symbols that clash with jansson changed, and must
# never include jansson.h.
OVS_JSON_SRCS += agent/port_watch.c

MAN_PAGES += agent/sg-agent.8
MAN_PAGES += agent/sg-agent.yaml.5
MAN_PAGES += tools/sg-controller.8
MAN_PAGES += tools/sgctl.8

# Of programs that are not installed.
OTHER_PAGES += tools/sg-swarm.8

# Other installed files, as source:directory.
INSTALL_DATA +=
INSTALL_DATA += etc/sg-agent.yaml:$(SYSCONFDIR)/sg-agent
#INSTALL_DATA += etc/sg-agent.service:$(LIBDIR)/systemd/system

# A program exists as soon as its list has a file.
PROGRAMS := $(if $(AGENT_SRCS),sg-agent) $(if $(SGCTL_SRCS),sgctl) \
	$(if $(CONTROLLER_SRCS),sg-controller) \
	$(if $(SWARM_SRCS),sg-swarm)

# ---------------------------------------------------------------------------
# Flags

OVS_DIR := build/ovs
OVS_STAMP := $(OVS_DIR)/sg-stamp
OVS_LIB := $(OVS_DIR)/lib/.libs/libopenvswitch.a
# Private Open vSwitch headers want #include <config.h> first; it is Open
# vSwitch's own.  Its headers are not ours to warn about, hence -isystem.
OVS_INCLUDES := -isystem $(OVS_DIR)/include -isystem $(OVS_DIR)/lib \
	-isystem $(OVS_DIR)
OVS_JSON_FLAGS := -Djson_array=ovs_json_array -Djson_equal=ovs_json_equal \
	-Djson_integer=ovs_json_integer -Djson_object=ovs_json_object \
	-Djson_real=ovs_json_real -Djson_string=ovs_json_string

PURE_PKGS := jansson yaml-0.1
IO_PKGS := librabbitmq libipset libip4tc libip6tc libmnl libnftnl

# gcc's: clang's sees through CONST_CAST() of libopenvswitch, which says that
# it is meant.
CAST_QUAL = $(if $(findstring clang,$(CC)),,-Wcast-qual)
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	$(CAST_QUAL) -Wpointer-arith -Wvla -Wimplicit-fallthrough -Wformat=2
# clang gives it for every use of an Open vSwitch logging macro.
ifneq ($(findstring clang,$(CC)),)
WARNINGS += -Wno-sign-compare -Wno-string-concatenation
endif

HARDENING := -fstack-protector-strong -fstack-clash-protection
ifneq ($(SANITIZE),)
SANITIZE_FLAGS := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
HARDENING += -U_FORTIFY_SOURCE
else ifeq ($(filter -O0,$(CFLAGS)),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

SG_CPPFLAGS := -D_GNU_SOURCE -DSG_VERSION='"$(VERSION)"' -Iinclude -I. \
	$(OVS_INCLUDES) $(shell $(PKG_CONFIG) --cflags $(PURE_PKGS) $(IO_PKGS))
SG_CFLAGS := -std=gnu11 -fPIE -pthread -fno-strict-aliasing $(WARNINGS) $(WERROR) $(HARDENING) \
	$(SANITIZE_FLAGS)
SG_LDFLAGS := -pie -pthread -Wl,-z,relro -Wl,-z,now -Wl,--as-needed \
	-Wl,--gc-sections $(SANITIZE_FLAGS)

COMPILE = $(CC) $(SG_CPPFLAGS) $(CPPFLAGS) $(SG_CFLAGS) $(CFLAGS)
LINK = $(CC) $(SG_CFLAGS) $(CFLAGS) $(SG_LDFLAGS) $(LDFLAGS)
OVS_LIBS = $(OVS_LIB) $$(cat $(OVS_DIR)/sg-libs)
PURE_LIBS := $(shell $(PKG_CONFIG) --libs $(PURE_PKGS))
IO_LIBS := $(shell $(PKG_CONFIG) --libs $(IO_PKGS))

ifeq ($(V),0)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif

# ---------------------------------------------------------------------------
# Rules

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
test_programs = $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(1)))

CORE_LIB := $(BUILD)/libsgcore.a
IO_LIB := $(BUILD)/libsgio.a
TOOLS_LIB := $(BUILD)/libsgtools.a
TEST_LIB := $(BUILD)/libsgtest.a
PURE_ARCHIVES := $(TOOLS_LIB) $(CORE_LIB)
ALL_ARCHIVES := $(TOOLS_LIB) $(IO_LIB) $(CORE_LIB)

PURE_TEST_SRCS := $(UNIT_TESTS) $(UNIT_HELPERS) $(GOLDEN_TESTS)
FUZZ_REPLAY := $(BUILD)/obj/tests/lib/fuzz-replay.o
IO_TEST_SRCS := $(CONFORMANCE_TESTS) $(BROKER_TESTS) $(BENCH_TESTS) \
	$(IO_TESTS)
FUZZ_ALL := $(FUZZ_TARGETS) $(FUZZ_IO_TARGETS)
FUZZ_PROGRAMS := $(call test_programs,$(FUZZ_ALL))
PURE_TEST_PROGRAMS := $(call test_programs,$(PURE_TEST_SRCS))
IO_TEST_PROGRAMS := $(call test_programs,$(IO_TEST_SRCS))
SHIMS := $(addsuffix .so,$(call test_programs,$(TEST_SHIMS)))

SOURCES := $(sort $(CORE_SRCS) $(IO_SRCS) $(TOOLS_SRCS) $(AGENT_SRCS) \
	$(SGCTL_SRCS) $(CONTROLLER_SRCS) $(SWARM_SRCS))
TEST_SOURCES := $(TESTLIB_SRCS) $(PURE_TEST_SRCS) $(FUZZ_ALL) \
	$(FUZZ_LIB_SRCS) $(IO_TEST_SRCS) $(TEST_SHIMS) tests/lib/fuzz-replay.c
ALL_SOURCES := $(SOURCES) $(TEST_SOURCES)

.PHONY: all lib programs lab tests
all: lib programs tests
lib: $(ALL_ARCHIVES)
programs: $(addprefix $(BUILD)/,$(PROGRAMS))
# What tools/lab and tools/demo run.
lab: programs $(call test_programs,$(IO_TESTS)) $(SHIMS)
tests: $(PURE_TEST_PROGRAMS) $(FUZZ_PROGRAMS) $(IO_TEST_PROGRAMS) $(SHIMS)

$(OVS_STAMP): tools/build-ovs
	$(Q)tools/build-ovs && touch $@

# Rewritten only when the flags change, so that a change rebuilds everything.
FLAGS_TEXT := $(CC) $(COMPILE) $(LINK)
.PHONY: force
$(BUILD)/flags: force
	@mkdir -p $(@D)
	@printf '%s\n' $(call quote,$(FLAGS_TEXT)) | cmp -s - $@ \
		|| printf '%s\n' $(call quote,$(FLAGS_TEXT)) > $@
quote = '$(subst ','\'',$(1))'

$(call objects,$(OVS_JSON_SRCS)): EXTRA_CPPFLAGS := $(OVS_JSON_FLAGS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags $(OVS_STAMP)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) $(EXTRA_CPPFLAGS) -MMD -MP -c -o $@ $<

define archive
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@.tmp && $(AR) rcs $@.tmp $(filter %.o,$^) && mv $@.tmp $@
endef

# The Makefile is a prerequisite because a file may have left the list.
$(CORE_LIB): $(call objects,$(CORE_SRCS)) Makefile
	$(archive)
$(IO_LIB): $(call objects,$(IO_SRCS)) Makefile
	$(archive)
$(TOOLS_LIB): $(call objects,$(TOOLS_SRCS)) Makefile
	$(archive)
$(TEST_LIB): $(call objects,$(TESTLIB_SRCS)) Makefile
	$(archive)

define link
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(LINK) -o $@ $(filter %.o %.a,$^) $(1) $(OVS_LIBS)
endef

$(BUILD)/sg-agent: $(call objects,$(AGENT_SRCS)) $(IO_LIB) $(CORE_LIB) \
		$(OVS_STAMP)
	$(call link,$(IO_LIBS) $(PURE_LIBS))
$(BUILD)/sgctl: $(call objects,$(SGCTL_SRCS)) $(PURE_ARCHIVES) $(OVS_STAMP)
	$(call link,$(PURE_LIBS))
$(BUILD)/sg-controller: $(call objects,$(CONTROLLER_SRCS)) $(ALL_ARCHIVES) \
		$(OVS_STAMP)
	$(call link,$(IO_LIBS) $(PURE_LIBS))

$(BUILD)/sg-swarm: $(call objects,$(SWARM_SRCS)) $(ALL_ARCHIVES) \
		$(OVS_STAMP)
	$(call link,$(IO_LIBS) $(PURE_LIBS))

$(SHIMS): $(BUILD)/tests/%.so: tests/lib/%.c $(BUILD)/flags $(OVS_STAMP)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(COMPILE) -fPIC -shared -o $@ $<

# One rule per test program, because its source may be in any directory.
define pure_test
$(call test_programs,$(1)): $(call objects,$(1)) $(TEST_LIB) $(PURE_ARCHIVES) \
		$(OVS_STAMP)
	$$(call link,$$(PURE_LIBS))
endef
define io_test
$(call test_programs,$(1)): $(call objects,$(1)) $(TEST_LIB) $(ALL_ARCHIVES) \
		$(OVS_STAMP)
	$$(call link,$$(IO_LIBS) $$(PURE_LIBS))
endef
# With FUZZ_ENGINE the fuzzer brings main(), else fuzz-replay.c does.
FUZZ_OBJECTS = $(if $(FUZZ_ENGINE),,$(FUZZ_REPLAY)) \
	$(call objects,$(FUZZ_LIB_SRCS))
define fuzz_test
$(call test_programs,$(1)): $(call objects,$(1)) $(FUZZ_OBJECTS) \
		$(PURE_ARCHIVES) $(OVS_STAMP)
	$$(call link,$(FUZZ_ENGINE) $$(PURE_LIBS))
endef
define fuzz_io_test
$(call test_programs,$(1)): $(call objects,$(1)) $(FUZZ_OBJECTS) \
		$(ALL_ARCHIVES) $(OVS_STAMP)
	$$(call link,$(FUZZ_ENGINE) $$(IO_LIBS) $$(PURE_LIBS))
endef
$(foreach test,$(PURE_TEST_SRCS),$(eval $(call pure_test,$(test))))
$(foreach test,$(FUZZ_TARGETS),$(eval $(call fuzz_test,$(test))))
$(foreach test,$(FUZZ_IO_TARGETS),$(eval $(call fuzz_io_test,$(test))))
$(foreach test,$(IO_TEST_SRCS),$(eval $(call io_test,$(test))))

# ---------------------------------------------------------------------------
# Checks

.PHONY: check check-unit check-golden check-fuzz-corpus fuzz \
	fuzz-programs check-asan check-conformance check-system \
	check-layers check-mutants analyze analyze-gcc update-golden \
	update-docs check-pages bench swarm

check: check-unit $(if $(GOLDEN_TESTS),check-golden) \
	$(if $(FUZZ_ALL),check-fuzz-corpus)

check-unit: $(call test_programs,$(UNIT_TESTS)) $(UNIT_SCRIPTS) \
		| $(call test_programs,$(UNIT_HELPERS))
	$(Q)BUILD=$(BUILD) tests/lib/run-tests $^

check-golden: $(call test_programs,$(GOLDEN_TESTS))
	$(Q)tests/golden/run $^

check-fuzz-corpus: $(FUZZ_PROGRAMS)
	$(Q)tests/lib/run-tests $^

# Looks for new inputs, in some targets (FUZZ="fuzz-X ...") or all; what it
# finds that crashes belongs into the corpus.
FUZZ ?=
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)tests/fuzz/run --seconds $(FUZZ_SECONDS) $(FUZZ)

# The targets with the fuzzer's main(), for tests/fuzz/run.
fuzz-programs:
	$(Q)$(MAKE) BUILD=build/fuzz CC=clang CFLAGS="-O1 -g" \
		SANITIZE=address,undefined,fuzzer-no-link \
		FUZZ_ENGINE=-fsanitize=fuzzer $(addprefix build/fuzz/tests/,$(FUZZ))

update-golden: $(call test_programs,$(GOLDEN_TESTS))
	$(Q)tests/golden/run --update $^

# What documents say of the configuration, from its table of keys.
update-docs: $(BUILD)/tests/test-config
	$(Q)TEST_UPDATE_DOCS=yes $<

# libopenvswitch itself is not instrumented; our code is.  By clang, so that two
# compilers see all of it.
ASAN_ENV := ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1 \
	UBSAN_OPTIONS=print_stacktrace=1
check-asan:
	$(Q)$(ASAN_ENV) $(MAKE) BUILD=build/asan CC=clang \
		SANITIZE=address,undefined \
		CFLAGS="-O1 -gline-tables-only" programs check

# In a user, network and mount namespace of their own.
check-conformance: $(call test_programs,$(CONFORMANCE_TESTS) $(BROKER_TESTS))
	$(Q)tests/lib/run-tests --wrap tests/lib/in-netns \
		$(call test_programs,$(CONFORMANCE_TESTS))
	$(Q)tests/lib/run-tests --wrap tests/lib/with-broker \
		$(call test_programs,$(BROKER_TESTS))

# Real packets, namespaces and services: root.
check-system: all
	$(Q)tests/system/run

check-layers: lib
	$(Q)tools/check-layers --build $(BUILD)

# Options, commands and words of the programs against their manual pages.
check-pages: programs
	$(Q)tools/check-pages --build $(BUILD) $(MAN_PAGES) $(OTHER_PAGES)

# Deliberate faults, each of which a test must find.
check-mutants: $(call test_programs,$(UNIT_TESTS))
	$(Q)tests/mutants/run --build $(BUILD) $(MUTANTS_ARGS)

# The agent's own measurement takes minutes; BENCH_ARGS=--quick for a glance,
# BENCH_ARGS=--help for the rest.
BENCH_ARGS ?=
bench: $(call test_programs,$(BENCH_TESTS)) all
	$(if $(BENCH_TESTS),$(Q)tests/lib/run-tests --show --jobs 1 \
		--wrap tests/lib/in-netns $(call test_programs,$(BENCH_TESTS)))
	$(if $(findstring --only,$(BENCH_ARGS)),,$(Q)tests/bench/bench-packet \
		--build $(BUILD) $(filter --quick,$(BENCH_ARGS)))
	$(Q)tests/bench/bench-agent --build $(BUILD) $(BENCH_ARGS)
	$(if $(findstring --only,$(BENCH_ARGS)),,$(Q)TEST_FACTOR=5 \
		$(BUILD)/tests/test-hostile)

# Broker, controller and 100 simulated hosts: eight minutes; SWARM_ARGS=--quick
# for a glance.
SWARM_ARGS ?=
swarm: programs
	$(Q)tests/bench/bench-swarm --build $(BUILD) $(SWARM_ARGS)

analyze: $(OVS_STAMP)
	$(call say,CHECK,cppcheck)
	@mkdir -p $(BUILD)/cppcheck
	$(Q)$(CPPCHECK) --quiet --error-exitcode=1 --std=c11 --language=c \
		--enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tests/cppcheck-suppressions \
		--cppcheck-build-dir=$(BUILD)/cppcheck -j 2 \
		-D_GNU_SOURCE -D__GNUC__=12 -DSG_VERSION='""' \
		--include=tests/lib/cppcheck.h -Iinclude -I. $(ALL_SOURCES)

# Slower, and its reports need a reader: never part of a green light.
analyze-gcc:
	$(Q)$(MAKE) BUILD=build/analyzer CC=gcc WERROR= CFLAGS="-O2 -g -fanalyzer" \
		lib programs

# ---------------------------------------------------------------------------

.PHONY: install clean help print-sources print-commands
install: programs
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 755 $(BUILD)/sg-agent $(DESTDIR)$(SBINDIR)/sg-agent
	$(INSTALL) -m 755 $(BUILD)/sgctl $(DESTDIR)$(BINDIR)/sgctl
	$(INSTALL) -m 755 $(BUILD)/sg-controller \
		$(DESTDIR)$(BINDIR)/sg-controller
	set -e; for page in $(MAN_PAGES); do \
		section=$${page##*.}; \
		$(INSTALL) -D -m 644 $$page \
		    "$(DESTDIR)$(MANDIR)/man$$section/$${page##*/}"; \
	done
	set -e; for entry in $(INSTALL_DATA); do \
		source=$${entry%%:*}; \
		$(INSTALL) -D -m 644 $$source \
		    "$(DESTDIR)$${entry#*:}/$${source##*/}"; \
	done

# Keeps build/ovs: it depends on nothing of ours.
clean:
	rm -rf $(addprefix $(BUILD)/,obj tests flags cppcheck check sg-agent \
		sgctl sg-controller sg-swarm) $(BUILD)/lib*.a
	rm -rf build/asan build/clang build/analyzer build/fuzz

# For tools/check-layers: "LIST file", one per line.
print-sources:
	@$(foreach list,CORE_SRCS IO_SRCS TOOLS_SRCS AGENT_SRCS SGCTL_SRCS \
		CONTROLLER_SRCS SWARM_SRCS,$(foreach file,$($(list)),echo $(list) $(file);)):

# For tests/mutants/run: how to compile and link, for a shell.
print-commands:
	@:$(info compile $(COMPILE))$(info link $(LINK))$(info \
		libs $(PURE_LIBS) $(OVS_LIBS))

help:
	@echo 'all                build everything into $$(BUILD) (build)'
	@echo 'lab                what the lab and the demo need, no more'
	@echo 'check              unit and golden tests'
	@echo 'check-fuzz-corpus  replay inputs that once found something'
	@echo 'fuzz               look for new ones; FUZZ=fuzz-X FUZZ_SECONDS=60'
	@echo 'check-asan         the same, by clang, with address and undefined'
	@echo '                   sanitizers'
	@echo 'check-conformance  backends against the kernel, private namespaces'
	@echo 'check-system       real packets and services (root)'
	@echo 'check-layers       include edges and forbidden symbols'
	@echo 'check-mutants      deliberate faults that tests must find'
	@echo 'analyze            cppcheck;  analyze-gcc: gcc -fanalyzer'
	@echo 'check-pages        manual pages against programs, and a linter'
	@echo 'update-docs        renew what documents say of the configuration'
	@echo 'update-golden      rewrite golden outputs; review them as a diff'
	@echo 'bench              measurements against written budgets'
	@echo 'swarm              broker and controller with 100 simulated hosts'
	@echo 'install            DESTDIR, PREFIX honoured'
	@echo 'clean              all but build/ovs'
	@echo 'V=1 shows commands; tools/check runs everything'

-include $(patsubst %.c,$(BUILD)/obj/%.d,$(ALL_SOURCES))
