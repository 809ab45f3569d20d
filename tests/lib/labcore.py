# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
"""A lab: two hosts, a broker, instances, on one machine.

    ctl   RabbitMQ and sg-controller              10.255.0.1
    h1    Open vSwitch, sg-agent, instances       10.255.0.11
    h2    the same                                10.255.0.12

        ctl --- mgmt0 --- h1, h2              (management network, one bridge)
        h1:br-int --- peer0 ======= peer0 --- h2:br-int      (one veth pair)

    instance: eth0 === tap<11> - qbr<11> - qvb<11> === qvo<11> - br-int

All of it is in namespaces of its own; the state directory, by default
/run/sg-lab/NAME, is the one thing outside.  `up' may be interrupted or
killed at any point: `down' finds what there is by the id in the state file.
"""

import contextlib
import fcntl
import ipaddress
import json
import os
import shutil
import socket
import struct
import subprocess
import uuid

import yaml

import erlang
import labnet
from labnet import LabError, Proc, Space

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.realpath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
ROOT_DIR = "/run/sg-lab"
DEFAULT_NAME = "sglab"
HOSTS = ("h1", "h2")
CTL_ADDRESS = "10.255.0.1"
HOST_ADDRESS = {"h1": "10.255.0.11", "h2": "10.255.0.12"}
AMQP_PORT = 5672
HTTP_PORT = 15672
EPMD_PORT = 4370
BROKER_START_S = 180            # Until it listens, on a busy machine.
BROKER_USER = "sglab"
BROKER_PASSWORD = "sglab"
RABBIT_BIN = "/usr/lib/rabbitmq/bin"
OVS_SHARE = "/usr/share/openvswitch"

# The programs under test come from $BUILD, or from $LAB_PROGRAMS: build/asan
# for instrumented ones.  A test may name others.
PROGRAMS = ("sg-agent", "sg-controller", "sgctl")
PROGRAMS_DIR = os.path.join(TOP, os.environ.get("LAB_PROGRAMS", BUILD))


def default_topology():
    return os.path.join(TOP, "etc", "lab-topology.yaml")


class PlainDumper(yaml.CSafeDumper):
    """Writes a list that occurs twice twice; readers may refuse aliases."""

    def ignore_aliases(self, data):
        return True


class Instance:
    """A port of the topology as the lab builds it."""

    def __init__(self, port):
        try:
            self.id = str(uuid.UUID(port["id"]))
            self.name = port.get("name") or self.id
            self.host = port["host"]
            self.mac = port["mac_address"].lower()
            addresses = [a["ip_address"] if isinstance(a, dict) else a
                         for a in port.get("fixed_ips", [])]
            self.addresses = [ipaddress.ip_address(a) for a in addresses]
        except (KeyError, TypeError, ValueError) as e:
            raise LabError("topology: port %s: %r" % (port.get("id"), e))

    def device(self, kind):
        """The name of this port's `kind' device: tap, qbr, qvb or qvo."""
        return kind + self.id[:11]

    def address(self, family):
        """The first address of `family', 4 or 6, or None."""
        for address in self.addresses:
            if address.version == family:
                return str(address)
        return None


class Lab:
    """One lab.  The object is a view of the state directory: any number of
    processes may have one at the same time."""

    def __init__(self, name=DEFAULT_NAME, root=ROOT_DIR):
        if not name.replace("-", "").isalnum() or len(name) > 32:
            raise LabError("%s: a lab's name is letters, digits, '-'" % name)
        if not root.startswith("/run/"):
            raise LabError("%s: the state must be below /run" % root)
        self.name = name
        self.dir = os.path.join(root, name)
        self.id = None
        self.spaces = {}            # name -> Space
        self.procs = {}             # role, as in "agent@h1" -> Proc
        self.plugged = {}           # instance -> [host, device suffix]
        self.programs = {}          # name -> path
        self.agent_env = {}         # for agents started here: environment,
        self.agent_keys = {}        # more keys of their configuration,
        self.agent_wrap = []        # and what goes before the command line
        self.broker_port = AMQP_PORT    # for agents and controllers
        self.keep = False           # a failed `up' leaves what there is

    # --- State ------------------------------------------------------------

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def exists(self):
        return os.path.exists(self.path("state.json"))

    @property
    def topology_path(self):
        return self.path("topology.yaml")

    def load(self):
        """Reads the state; returns the lab."""
        try:
            with open(self.path("state.json")) as f:
                state = json.load(f)
        except FileNotFoundError:
            raise LabError("there is no lab %s (tools/lab up makes one)"
                           % self.name)
        self.id = state["id"]
        self.programs = state["programs"]
        self.plugged = state["plugged"]
        self.spaces = {name: Space.from_json(name, data)
                       for name, data in state["spaces"].items()}
        self.procs = {role: Proc(data["pid"], data["start"])
                      for role, data in state["procs"].items()}
        return self

    def _save(self):
        state = {"id": self.id, "name": self.name, "programs": self.programs,
                 "plugged": self.plugged,
                 "spaces": {n: s.to_json() for n, s in self.spaces.items()},
                 "procs": {r: {"pid": p.pid, "start": p.start}
                           for r, p in self.procs.items()}}
        new = self.path("state.json.new")
        with open(new, "w") as f:
            json.dump(state, f, indent=1)
        os.rename(new, self.path("state.json"))

    @contextlib.contextmanager
    def changing(self):
        """Holds the lab's lock; the state is read before the body and
        written after each change in it."""
        with open(self.path("lock"), "a") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            self.load()
            yield

    def space(self, name):
        """The namespace called `name': a host, ctl or an instance; the
        lab's name may stand before it ("sglab-h1")."""
        if name.startswith(self.name + "-") and name not in self.spaces:
            name = name[len(self.name) + 1:]
        if name == self.name:
            name = "ctl"
        try:
            return self.spaces[name]
        except KeyError:
            raise LabError("%s: no such host or instance; there are: %s"
                           % (name, " ".join(sorted(self.spaces))))

    def env(self, **more):
        """The environment of the lab's processes."""
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
               "HOME": self.dir, labnet.LAB_ENV: self.id}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if key in os.environ:
                env[key] = os.environ[key]
        env.update(more)
        return env

    def topology(self):
        """The topology as it stands in the lab's own copy."""
        with open(self.topology_path) as f:
            return yaml.load(f, Loader=yaml.CSafeLoader)

    @contextlib.contextmanager
    def edit_topology(self):
        """The topology as a dict to be changed in the body; written, whole,
        at its end.  Nothing happens before reload()."""
        topology = self.topology()
        yield topology
        new = self.topology_path + ".new"
        with open(new, "w") as f:
            yaml.dump(topology, f, Dumper=PlainDumper, sort_keys=False)
        os.rename(new, self.topology_path)

    def instances(self):
        """Every port of the topology as an Instance, by name.  A port without
        a host is somewhere else: its addresses are members, nothing is
        built."""
        found = {}
        for port in self.topology().get("ports") or []:
            if "host" not in port:
                continue
            instance = Instance(port)
            if instance.host not in HOSTS:
                raise LabError("topology: port %s: host %s is not one of %s"
                               % (instance.id, instance.host, HOSTS))
            if instance.name in found or instance.name in HOSTS + ("ctl",):
                raise LabError("topology: two ports (or a port and a host) "
                               "are called %s" % instance.name)
            found[instance.name] = instance
        return found

    # --- Up and down ------------------------------------------------------

    def up(self, topology=None, agents=True, controller=True, plug=True,
           programs=None, edit=None):
        """Brings the lab up; takes it down again if that fails.  `edit' is
        called with the topology before anything is built from it."""
        if os.geteuid() != 0:
            raise LabError("a lab needs root")
        if self.exists() and self.load()._processes():
            raise LabError("lab %s is up already (tools/lab down "
                           "--name %s ends it)" % (self.name, self.name))
        self.down()
        self._make_dir()
        self.id = str(uuid.uuid4())
        self.programs = {name: os.path.join(PROGRAMS_DIR, name)
                         for name in PROGRAMS}
        self.programs.update(programs or {})
        shutil.copy(topology or default_topology(), self.topology_path)
        self._save()
        if edit:
            with self.edit_topology() as content:
                edit(content)
        try:
            with self.changing():
                self._up(agents, controller, plug)
        except BaseException:
            if not self.keep:
                self.down()
            raise

    def _make_dir(self):
        """Makes the state directory; what is above it may go meanwhile with
        the last lab that was in it."""
        for _ in range(100):
            with contextlib.suppress(FileNotFoundError):
                os.makedirs(self.dir)
                return
        raise LabError("%s cannot be made" % self.dir)

    def _up(self, agents, controller, plug):
        instances = self.instances()
        self._make_space("ctl", mounts=True)
        self._start_broker()
        for host in HOSTS:
            self._make_space(host, mounts=True)
            self._start_ovsdb(host)
        self._join_spaces()
        for host in HOSTS:
            self._start_vswitchd(host)
        self._make_bridges()
        if plug:
            self._plug(list(instances.values()))
        self.wait_broker()
        if controller:
            self.start_controller()
        if agents:
            for host in HOSTS:
                self.start_agent(host)

    def _processes(self):
        """Every process of this lab, holders included: those that carry its
        id, those recorded, and whoever else is in its namespaces (somebody's
        shell; it would keep the namespace)."""
        procs = set(labnet.procs_of_lab(self.id))
        procs |= {p for p in self.procs.values() if p.alive()}
        live = {s.netns for s in self.spaces.values() if s.proc.alive()}
        if live:
            procs |= set(labnet.procs_in_netns(live))
        return procs

    def down(self):
        """Removes everything, whatever state it is in."""
        if not os.path.isdir(self.dir):
            return
        if self.exists():
            self.load()
            polite = [p for role, p in self.procs.items()
                      if role.startswith(("agent@", "controller"))]
            labnet.end_procs(polite, 2)
            # Once more, because a process may have started another one.
            for _ in range(5):
                procs = self._processes()
                if not procs:
                    break
                left = labnet.end_procs(procs, 0)
                if left:
                    raise LabError("these processes do not end: %s"
                                   % " ".join(str(p.pid) for p in left))
        shutil.rmtree(self.dir)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(self.dir))

    def describe(self):
        """What there is, as a value for JSON."""
        known = {s.proc.pid for s in self.spaces.values()}
        known |= {p.pid for p in self.procs.values()}
        spaces = {}
        for name, space in self.spaces.items():
            alive = space.proc.alive()
            spaces[name] = {"pid": space.proc.pid, "alive": alive,
                            "addresses": _addresses(space) if alive else []}
            if name in self.plugged:
                spaces[name]["host"] = self.plugged[name][0]
        return {"name": self.name, "dir": self.dir, "spaces": spaces,
                "procs": {r: {"pid": p.pid, "alive": p.alive()}
                          for r, p in self.procs.items()},
                "other_pids": sorted(p.pid for p in self._processes()
                                     if p.pid not in known)}

    # --- Spaces and processes ---------------------------------------------

    def _make_space(self, name, mounts):
        run_dir = None
        if mounts:
            os.makedirs(self.path(name, "log"))
            run_dir = self.path(name, "run")
        space = Space.create(name, self.env(), "%s-%s" % (self.name, name),
                             run_dir=run_dir, shared_dir=self.dir)
        self.spaces[name] = space
        self._save()
        space.ip(["link set lo up"])
        return space

    def spawn(self, role, argv, env=None, log=None):
        """Starts a process in the space that `role' ("what@space") names;
        returns its Proc.  Its output goes to `log' or to a file named after
        the role."""
        what, _, where = role.partition("@")
        space = self.space(where)
        log = log or self.path(where, "log", what + ".log")
        with open(log, "a") as out:
            child = space.popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd="/", env=env or self.env(), start_new_session=True)
        proc = Proc(child.pid)
        child.returncode = 0        # Proc reaps it; Popen need not warn.
        self.procs[role] = proc
        self._save()
        return proc

    def _died(self, role):
        """The error for a process that ended when it should not have."""
        what, _, where = role.partition("@")
        log = self.path(where, "log", what + ".log")
        with open(log, errors="replace") as f:
            tail = "".join(f.readlines()[-15:])
        return LabError("%s ended; %s says:\n%s" % (role, log, tail))

    def wait_for(self, role, condition, what, timeout=30):
        """Waits for `condition', and no longer than process `role' lives."""
        proc = self.procs[role]

        def done():
            if condition():
                return True
            if not proc.alive():
                raise self._died(role)
            return False
        if not labnet.wait_until(done, timeout):
            raise LabError("%s: no %s after %d s" % (role, what, timeout))

    def stop(self, role, signo=None, timeout=10):
        """Ends process `role', with SIGTERM or `signo'; forgets it."""
        proc = self.procs.get(role)
        if proc is None or not proc.alive():
            raise LabError("%s does not run" % role)
        proc.kill(signo or 15)
        if not proc.wait_gone(timeout):
            raise LabError("%s did not end within %d s" % (role, timeout))
        del self.procs[role]
        self._save()

    # --- Management network, broker -----------------------------------------

    def _join_spaces(self):
        ctl = self.spaces["ctl"]
        lines = ["link add mgmt0 type bridge forward_delay 0",
                 "addr add %s/24 dev mgmt0" % CTL_ADDRESS,
                 "link set mgmt0 up"]
        for host in HOSTS:
            lines += ["link add %s type veth peer name mgmt0 netns %d"
                      % (host, self.spaces[host].proc.pid),
                      "link set %s master mgmt0 up" % host]
        ctl.ip(lines)
        h1, h2 = (self.spaces[host] for host in HOSTS)
        for space in (h1, h2):
            # IPv6 stays off on all devices but the management link: the
            # host takes no part in the instances' networks.
            space.sysctl({"ipv6/conf/default/disable_ipv6": 1,
                          "bridge/bridge-nf-call-iptables": 1,
                          "bridge/bridge-nf-call-ip6tables": 1,
                          "bridge/bridge-nf-filter-vlan-tagged": 0})
        h1.ip(["link add peer0 type veth peer name peer0 netns %d"
               % h2.proc.pid])
        for host in HOSTS:
            self.spaces[host].ip([
                "addr add %s/24 dev mgmt0" % HOST_ADDRESS[host],
                "link set mgmt0 up", "link set peer0 up"])
            self.spaces[host].no_offload(["peer0"])

    def _start_broker(self):
        conf = self.path("ctl", "rabbitmq.conf")
        with open(conf, "w") as f:
            f.write("listeners.tcp.default = 0.0.0.0:%d\n"
                    "management.tcp.ip = 0.0.0.0\n"
                    "management.tcp.port = %d\n"
                    "management_agent.disable_metrics_collector = false\n"
                    "collect_statistics_interval = 1000\n"
                    "default_user = %s\n"
                    "default_pass = %s\n"
                    "default_user_tags.administrator = true\n"
                    "loopback_users = none\n"
                    "vm_memory_high_watermark.absolute = 1GB\n"
                    "disk_free_limit.absolute = 10MB\n"
                    % (AMQP_PORT, HTTP_PORT, BROKER_USER, BROKER_PASSWORD))
        with open(self.path("ctl", "enabled_plugins"), "w") as f:
            f.write("[rabbitmq_management].\n")
        open(self.path("ctl", "rabbitmq-env.conf"), "w").close()
        self.spawn("epmd@ctl", ["epmd", "-port", str(EPMD_PORT)],
                   self.broker_env())
        self.spawn_broker()

    def spawn_broker(self):
        # RABBITMQ_ALLOW_INPUT: the script becomes the Erlang machine
        # instead of waiting for it.
        self.spawn("broker@ctl",
                   erlang.pinned([RABBIT_BIN + "/rabbitmq-server",
                                  "-noinput"]),
                   dict(self.broker_env(), RABBITMQ_ALLOW_INPUT="1",
                        **erlang.SERVER_ENV))

    def broker_env(self):
        """The environment of the broker's server and command-line tools."""
        where = self.path("ctl")
        return self.env(
            PATH="%s:/usr/sbin:/usr/bin:/sbin:/bin" % RABBIT_BIN,
            HOME=where, ERL_EPMD_PORT=str(EPMD_PORT),
            RABBITMQ_NODENAME="%s@localhost" % self.name,
            RABBITMQ_CONF_ENV_FILE=where + "/rabbitmq-env.conf",
            RABBITMQ_CONFIG_FILE=where + "/rabbitmq.conf",
            RABBITMQ_ENABLED_PLUGINS_FILE=where + "/enabled_plugins",
            RABBITMQ_MNESIA_BASE=where + "/mnesia",
            RABBITMQ_LOG_BASE=where + "/log",
            RABBITMQ_GENERATED_CONFIG_DIR=where + "/config",
            RABBITMQ_PID_FILE=where + "/rabbitmq.pid",
            RABBITMQ_DIST_PORT="25672",
            RABBITMQ_SCHEDULER_BIND_TYPE="u")

    def connect_ctl(self, port, timeout=5):
        """A TCP connection to `port' in the control space, made from it."""
        with self.space("ctl").entered():
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(("127.0.0.1", port))
        except OSError:
            sock.close()
            raise
        return sock

    def _listens(self, port):
        try:
            self.connect_ctl(port, timeout=1).close()
            return True
        except OSError:
            return False

    def broker_listens(self):
        return self._listens(AMQP_PORT) and self._listens(HTTP_PORT)

    def wait_broker(self):
        self.wait_for("broker@ctl", self.broker_listens, "listener",
                      timeout=BROKER_START_S)
        erlang.release(self.procs["broker@ctl"].pid)

    # --- Open vSwitch -------------------------------------------------------

    def ovsdb(self, host):
        """The OVSDB address, good inside the host and outside."""
        return "unix:" + self.path(host, "run", "openvswitch", "db.sock")

    def _start_ovsdb(self, host):
        rundir = self.path(host, "run", "openvswitch")
        os.makedirs(rundir)
        subprocess.run(["ovsdb-tool", "create", rundir + "/conf.db",
                        OVS_SHARE + "/vswitch.ovsschema"], check=True)
        self.spawn("ovsdb@" + host,
                   ["ovsdb-server", "/run/openvswitch/conf.db",
                    "--remote=punix:/run/openvswitch/db.sock",
                    "--unixctl=/run/openvswitch/ovsdb-server.ctl",
                    "--pidfile=/run/openvswitch/ovsdb-server.pid"])

    def _start_vswitchd(self, host):
        sock = self.path(host, "run", "openvswitch", "db.sock")
        self.wait_for("ovsdb@" + host, lambda: os.path.exists(sock),
                      "database socket")
        self.vsctl(host, ["--no-wait", "init"])
        # It carries every packet that the probers count.  When it waits for
        # a processor behind compilers and brokers, packets are lost that no
        # filter has seen.
        shim = os.path.join(BUILD, "tests", "rcvbuf.so")
        self.spawn("vswitchd@" + host,
                   ["chrt", "--rr", "1", "ovs-vswitchd",
                    "unix:/run/openvswitch/db.sock",
                    "--disable-system", "-vconsole:warn",
                    "--log-file=" + self.path(host, "log",
                                              "ovs-vswitchd.log"),
                    "--unixctl=/run/openvswitch/ovs-vswitchd.ctl",
                    "--pidfile=/run/openvswitch/ovs-vswitchd.pid"],
                   self.env(**({"LD_PRELOAD": shim}
                               if os.path.exists(shim) else {})))

    def vsctl(self, host, argv, timeout=30):
        """Runs ovs-vsctl on the host's database; returns its output."""
        result = subprocess.run(
            ["ovs-vsctl", "--db=" + self.ovsdb(host),
             "--timeout=%d" % timeout] + argv,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
        if result.returncode:
            raise LabError("%s: ovs-vsctl %s: %s" % (
                host, " ".join(argv), result.stderr.strip()))
        return result.stdout

    def _make_bridges(self):
        for host in HOSTS:
            self.vsctl(host, [
                "--", "add-br", "br-int",
                "--", "set", "Bridge", "br-int", "datapath_type=netdev",
                "fail_mode=standalone", "other_config:mac-aging-time=3600",
                "--", "add-port", "br-int", "peer0"])

    # --- Instances ----------------------------------------------------------

    def plug(self, names):
        """Builds the instances called `names', which the topology has."""
        with self.changing():
            known = self.instances()
            missing = [n for n in names if n not in known]
            if missing:
                raise LabError("not in %s: %s" % (self.topology_path,
                                                  " ".join(missing)))
            self._plug([known[n] for n in names])

    def _plug(self, instances):
        """The tap is on its bridge before the row is in OVSDB, as on a
        hypervisor that starts a guest."""
        for instance in instances:
            if instance.name in self.spaces:
                raise LabError("%s is plugged already" % instance.name)
            self._make_space(instance.name, mounts=False)
            self.plugged[instance.name] = [instance.host, instance.id[:11]]
            self.spaces[instance.name].sysctl({
                "ipv6/conf/default/accept_dad": 0,
                "ipv6/conf/default/accept_ra": 0})
        for host in HOSTS:
            here = [i for i in instances if i.host == host]
            if not here:
                continue
            space = self.spaces[host]
            space.ip([line for i in here for line in self._plug_lines(i)])
            space.no_offload([i.device(kind) for i in here
                              for kind in ("tap", "qvb", "qvo")])
            for i in here:
                self._address(i)
            self.vsctl(host, [word for i in here for word in (
                "--", "add-port", "br-int", i.device("qvo"),
                "--", "set", "Interface", i.device("qvo"),
                "external_ids:iface-id=" + i.id,
                "external_ids:iface-status=active",
                "external_ids:attached-mac=\"%s\"" % i.mac)])
        self._save()
        for i in instances:
            self._announce(i)

    def _plug_lines(self, i):
        tap, qbr, qvb, qvo = (i.device(kind)
                              for kind in ("tap", "qbr", "qvb", "qvo"))
        return [
            "link add %s type bridge stp_state 0 forward_delay 0 "
            "mcast_snooping 0" % qbr,
            "link add %s type veth peer name %s" % (qvb, qvo),
            "link add %s address fe:%s type veth peer name eth0 netns %d "
            "address %s" % (tap, i.mac[3:],
                            self.spaces[i.name].proc.pid, i.mac),
            "link set %s master %s up" % (qvb, qbr),
            "link set %s master %s up" % (tap, qbr),
            "link set %s up" % qvo,
            "link set %s up" % qbr]

    def _address(self, i):
        space = self.spaces[i.name]
        space.no_offload(["eth0"])
        space.ip(["link set eth0 up"]
                 + ["addr add %s/%d dev eth0%s"
                    % (a, 24 if a.version == 4 else 64,
                       "" if a.version == 4 else " nodad")
                    for a in i.addresses])

    def announce(self, name):
        """Sends one gratuitous ARP from the instance, so that the bridges
        know where it is and do not flood what is sent to it."""
        self._announce(self.instances()[name])

    def _announce(self, i):
        mac = bytes.fromhex(i.mac.replace(":", ""))
        ip = socket.inet_aton(i.address(4) or "0.0.0.0")
        frame = (b"\xff" * 6 + mac + b"\x08\x06"
                 + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
                 + mac + ip + b"\0" * 6 + ip)
        with self.space(i.name).entered(), \
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("eth0", 0))
            sock.send(frame)

    def unplug(self, names):
        """Removes instances; the topology may have forgotten them."""
        with self.changing():
            for name in names:
                if name not in self.plugged:
                    raise LabError("%s is not plugged" % name)
                host, suffix = self.plugged[name]
                self.vsctl(host, ["--if-exists", "del-port", "br-int",
                                  "qvo" + suffix])
                self.spaces[host].ip(
                    ["link del tap" + suffix, "link del qvb" + suffix,
                     "link del qbr" + suffix], force=True)
                space = self.spaces[name]
                if space.proc.alive():
                    labnet.end_procs(labnet.procs_in_netns({space.netns}), 0)
                del self.plugged[name]
                del self.spaces[name]
                self._save()

    # --- The programs under test --------------------------------------------

    def program(self, name):
        path = self.programs[name]
        if not os.access(path, os.X_OK):
            raise LabError("%s is not built (make)" % path)
        return path

    def agent_config(self, host):
        """Writes the agent's configuration for `host', as short as it can
        be; returns its path.  `agent_keys' are for tests."""
        config = {
            "host": host,
            "broker": {"hosts": ["%s:%d" % (CTL_ADDRESS, self.broker_port)],
                       "user": BROKER_USER, "password": BROKER_PASSWORD},
            "state_dir": self.path(host, "agent")}
        config.update(self.agent_keys)
        path = self.path(host, "sg-agent.yaml")
        with open(path, "w") as f:
            os.fchmod(f.fileno(), 0o600)        # It holds a password.
            yaml.safe_dump(config, f, sort_keys=False)
        return path

    def agent_socket(self, host):
        """The control socket of the host's agent, as seen from outside."""
        return self.path(host, "run", "sg-agent", "sg-agent.ctl")

    def start_agent(self, host):
        self.spawn("agent@" + host,
                   self.agent_wrap + [self.program("sg-agent"), "--config",
                                      self.agent_config(host)],
                   self.env(**self.agent_env))

    def controller_socket(self):
        return self.path("ctl", "run", "sg-controller", "sg-controller.ctl")

    def start_controller(self):
        password = self.path("ctl", "password")
        with open(password, "w") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(BROKER_PASSWORD + "\n")
        self.spawn("controller@ctl",
                   [self.program("sg-controller"),
                    "--topology", self.topology_path,
                    "--broker", "%s:%d" % (CTL_ADDRESS, self.broker_port),
                    "--broker-user", BROKER_USER,
                    "--password-file", password,
                    "--state-dir", self.path("ctl", "controller"),
                    "--run-dir", "/run/sg-controller", "--no-watch"])


def _addresses(space):
    links = json.loads(space.run(["ip", "-json", "addr", "show"]))
    return [a["local"] for link in links if link.get("ifname") != "lo"
            for a in link.get("addr_info", []) if a["scope"] == "global"]
