"""Redis: one server, Sentinel and Cluster."""
import socket
import time
import urllib.parse

from outages.deployment import Deployment, ServerError, Trouble, wait_until
from outages.history import Fault


def command(port, *words, password=None, timeout=2.0):
    """Sends one command on a connection of its own, and gives the reply: text, a number, None or a list of those."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        lines = connection.makefile("rb")

        def ask(*words):
            data = [str(word).encode() if not isinstance(word, bytes) else word for word in words]
            connection.sendall(b"*%d\r\n" % len(data) + b"".join(b"$%d\r\n%s\r\n" % (len(d), d) for d in data))
            return reply(lines)

        if password:
            ask("AUTH", password)
        return ask(*words)


def reply(lines):
    line = lines.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection")
    mark, rest = line[:1], line[1:-2]
    if mark == b"+":
        return rest.decode()
    if mark == b"-":
        raise ServerError(rest.decode())
    if mark == b":":
        return int(rest)
    if mark == b"$":
        return None if rest == b"-1" else lines.read(int(rest) + 2)[:-2].decode("utf-8", "surrogateescape")
    if mark == b"*":
        return None if rest == b"-1" else [reply(lines) for _ in range(int(rest))]
    raise ConnectionError(f"not a reply: {line!r}")


def fields(text):
    """What INFO and CLUSTER INFO answer, as a dictionary."""
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


class RedisDeployment(Deployment):
    near = (1,)

    def leave_behind(self, replica, primary, most):
        """For a while the replica gets nothing: what is acknowledged meanwhile is lost if the primary dies at its end."""
        self.pause_server(replica)
        # What is on the way in a connection would still arrive.
        command(primary, "CLIENT", "KILL", "TYPE", "replica")
        self.wait(0.1, most)

    def close_connections(self, port):
        command(port, "CLIENT", "KILL", "TYPE", "normal")


class Single(RedisDeployment):
    """One server, which writes down every change before it acknowledges it: it loses nothing."""

    service = "redis"
    faults = ("kill and restart", "pause", "close all connections")

    def prepare(self):
        [self.port] = self.servers
        self.url = self.variables["SESSIONS_REDIS_URL"]
        for name, value in [("appendfsync", "always"), ("appendonly", "yes")]:
            command(self.port, "CONFIG", "SET", name, value)
        # For the restart.
        command(self.port, "CONFIG", "REWRITE")
        wait_until("the server writes down every change", self.writes_down, 20)

    def writes_down(self):
        state = fields(command(self.port, "INFO", "persistence"))
        return state["aof_enabled"] == "1" and state["aof_rewrite_in_progress"] == state["aof_rewrite_scheduled"] == "0"

    def kill_and_restart(self):
        injected = time.monotonic()
        self.kill_server(self.port)
        seconds = self.wait(0, 2.0)
        silent = (injected, time.monotonic())
        self.restart_server(self.port)
        return Fault("kill and restart", injected, time.monotonic(), silent=silent), f"down for {seconds:.1f} s and the restart"

    def pause(self):
        injected = time.monotonic()
        self.pause_server(self.port)
        seconds = self.wait(0.3, 2.5)
        silent = (injected, time.monotonic())
        self.resume_server(self.port)
        return Fault("pause", injected, time.monotonic(), silent=silent), f"for {seconds:.1f} s"

    def close_all_connections(self):
        injected = time.monotonic()
        count = self.random.randint(1, 5)
        for _ in range(count):
            self.close_connections(self.port)
            self.wait(0, 0.2)
        return Fault("close all connections", injected, time.monotonic()), f"{count} times"


class Sentinel(RedisDeployment):
    """A primary and a replica, watched over by three sentinels."""

    service = "redis-sentinel"
    faults = ("kill the primary", "kill the primary ahead of its replica", "pause the primary", "failover by command")

    def prepare(self):
        self.password = self.variables["SESSIONS_REDIS_SENTINEL_PASSWORD"]
        address = self.variables["SESSIONS_REDIS_SENTINEL_URL"]
        self.url = f"{address}?sentinel_password={self.password}"
        hosts = urllib.parse.urlsplit(address).netloc.split(",")
        self.sentinels = [int(host.rpartition(":")[2]) for host in hosts]
        self.nodes = [int(n.rpartition(":")[2]) for n in self.variables["SESSIONS_REDIS_SENTINEL_NODES"].split(",")]
        self.wait_until_whole()

    def ask(self, sentinel, *words):
        return command(sentinel, "SENTINEL", *words, password=self.password)

    def primary(self):
        """The port of the server that all sentinels name and that is a primary; None if there is none."""
        ports = {int(self.ask(sentinel, "GET-MASTER-ADDR-BY-NAME", "mymaster")[1]) for sentinel in self.sentinels}
        if len(ports) == 1:
            [port] = ports
            if command(port, "ROLE")[0] == "master":
                return port
        return None

    def is_whole(self):
        primary = self.primary()
        if primary is None:
            return False
        [replica] = [port for port in self.nodes if port != primary]
        role = command(replica, "ROLE")
        if role[0] != "slave" or int(role[2]) != primary or role[3] != "connected":
            return False
        for sentinel in self.sentinels:
            answer = self.ask(sentinel, "MASTER", "mymaster")
            state = dict(zip(answer[::2], answer[1::2]))
            if state["flags"] != "master" or state["num-slaves"] != "1" or state["num-other-sentinels"] != "2":
                return False
            # What else it says of the replica may be ten seconds old.
            [answer] = self.ask(sentinel, "REPLICAS", "mymaster")
            if dict(zip(answer[::2], answer[1::2]))["flags"] != "slave":
                return False
        return True

    def wait_until_whole(self):
        wait_until("the replica follows the primary, and the sentinels agree", self.is_whole, 40)

    def other_primary(self, old):
        def found():
            port = self.primary()
            return port if port != old else None
        return wait_until("there is a new primary", found, 20)

    def demote(self, old, new):
        """Sentinels take eight seconds before they tell the old primary. Often they are helped, to save time."""
        self.wait(0.5, 2.5)
        if self.random.random() < 0.75:
            try:
                command(old, "REPLICAOF", "127.0.0.1", new)
            except (OSError, ServerError):
                pass

    def kill_the_primary_ahead_of_its_replica(self):
        return self.kill_the_primary("kill the primary ahead of its replica")

    def kill_the_primary(self, kind="kill the primary"):
        old = self.primary()
        [replica] = [port for port in self.nodes if port != old]
        is_ahead = kind != "kill the primary"
        if is_ahead:
            # For less time than it takes the sentinels to give the replica up.
            self.leave_behind(replica, old, 0.3)
        injected = time.monotonic()
        self.kill_server(old)
        if is_ahead:
            self.resume_server(replica)
        new = self.other_primary(old)
        fault = Fault(kind, injected, time.monotonic(), loses=True)
        self.wait(0, 1)
        # Empty, and until the sentinels tell it otherwise, a primary.
        self.restart_server(old)
        self.demote(old, new)
        return fault, f"another one after {fault.healthy - injected:.1f} s"

    def pause_the_primary(self):
        old = self.primary()
        injected = time.monotonic()
        self.pause_server(old)
        new = self.other_primary(old)
        fault = Fault("pause the primary", injected, time.monotonic(), loses=True, splits=True)
        self.wait(0, 2)
        self.resume_server(old)
        self.demote(old, new)
        return fault, f"another one after {fault.healthy - injected:.1f} s"

    def failover_by_command(self):
        old = self.primary()

        def accepted():
            return self.ask(self.random.choice(self.sentinels), "FAILOVER", "mymaster") == "OK"

        injected = time.monotonic()
        wait_until("a sentinel begins a failover", accepted, 20)
        new = self.other_primary(old)
        fault = Fault("failover by command", injected, time.monotonic(), loses=True, splits=True)
        self.demote(old, new)
        return fault, f"another one after {fault.healthy - injected:.1f} s"


class Cluster(RedisDeployment):
    """Three primaries with a replica each."""

    service = "redis-cluster"
    faults = (
        "kill a primary", "kill a primary ahead of its replica", "failover by command", "move slots",
        "pause a primary briefly", "pause a primary",
    )

    def prepare(self):
        self.url = self.variables["SESSIONS_REDIS_CLUSTER_URL"]
        self.nodes = [int(n.rpartition(":")[2]) for n in self.variables["SESSIONS_REDIS_CLUSTER_NODES"].split(",")]
        self.wait_until_whole()

    def map(self, port):
        """What one node says of all: for each port its id, its flags, its primary's id and the words of its slots."""
        nodes = {}
        for line in command(port, "CLUSTER", "NODES").splitlines():
            id, address, flags, primary, _, _, _, _, *slots = line.split()
            nodes[int(address.split("@")[0].rpartition(":")[2])] = (id, flags.split(","), primary, slots)
        return nodes

    def primaries(self):
        return [
            port for port, (_, flags, _, slots) in self.map(self.nodes[0]).items() if "master" in flags and slots
        ]

    def replica_of(self, primary):
        nodes = self.map(primary)
        return next(port for port, node in nodes.items() if node[2] == nodes[primary][0])

    def serves(self, without=None):
        """Whether all nodes, but for one that is down, know the same primaries, none of them that one."""
        seen = set()
        for port in self.nodes:
            if port == without:
                continue
            state = fields(command(port, "CLUSTER", "INFO"))
            if state["cluster_state"] != "ok" or state["cluster_slots_ok"] != "16384":
                return False
            owners = [
                (p, tuple(slots)) for p, (_, flags, _, slots) in self.map(port).items() if slots and "master" in flags
            ]
            if any(p == without for p, _ in owners):
                return False
            # What is being moved stands in brackets with its owner alone.
            seen.add(tuple(sorted((p, tuple(s for s in slots if s[0] != "[")) for p, slots in owners)))
        return len(seen) == 1

    def is_whole(self):
        if not self.serves():
            return False
        for port in self.nodes:
            state = fields(command(port, "INFO", "replication"))
            if state["role"] == "master" and state["connected_slaves"] != "1":
                return False
            if state["role"] == "slave" and state["master_link_status"] != "up":
                return False
        return True

    def wait_until_whole(self):
        wait_until("the Cluster is complete", self.is_whole, 40)

    def kill_a_primary_ahead_of_its_replica(self):
        return self.kill_a_primary("kill a primary ahead of its replica")

    def kill_a_primary(self, kind="kill a primary"):
        old = self.random.choice(self.primaries())
        replica = self.replica_of(old)
        is_ahead = kind != "kill a primary"
        if is_ahead:
            # For less time than it takes the others to give the replica up.
            self.leave_behind(replica, old, 0.6)
        injected = time.monotonic()
        self.kill_server(old)
        if is_ahead:
            self.resume_server(replica)
        wait_until("another node takes over", lambda: self.serves(without=old), 20)
        fault = Fault(kind, injected, time.monotonic(), loses=True)
        self.wait(0, 1)
        self.restart_server(old)
        return fault, f"another one after {fault.healthy - injected:.1f} s"

    def pause_a_primary(self):
        """For so long that another one takes its place."""
        old = self.random.choice(self.primaries())
        injected = time.monotonic()
        self.pause_server(old)
        wait_until("another node takes over", lambda: self.serves(without=old), 20)
        fault = Fault("pause a primary", injected, time.monotonic(), loses=True, splits=True)
        self.wait(0, 2)
        self.resume_server(old)
        return fault, f"another one after {fault.healthy - injected:.1f} s"

    def pause_a_primary_briefly(self):
        """For less time than the others need to give it up."""
        old = self.random.choice(self.primaries())
        injected = time.monotonic()
        self.pause_server(old)
        seconds = self.wait(0.2, 0.7)
        self.resume_server(old)
        # On a busy machine it may be given up nevertheless.
        wait_until("the Cluster serves", self.serves, 20)
        fault = Fault("pause a primary briefly", injected, time.monotonic(), loses=True, splits=True)
        return fault, f"for {seconds:.1f} s"

    def failover_by_command(self):
        """The primary hands over: nothing is lost."""
        old = self.random.choice(self.primaries())
        replica = self.replica_of(old)
        injected = time.monotonic()
        command(replica, "CLUSTER", "FAILOVER")

        def has_taken_over():
            nodes = self.map(replica)
            return "master" in nodes[replica][1] and "slave" in nodes[old][1] and self.serves()

        wait_until("the replica takes over", has_taken_over, 20)
        fault = Fault("failover by command", injected, time.monotonic())
        return fault, f"after {fault.healthy - injected:.1f} s"

    def move_slots(self):
        """To another primary and back, under the keys that are in use."""
        source, target = self.random.sample(self.primaries(), 2)
        keys = command(source, "SCAN", 0, "COUNT", 1000)[1]
        slots = sorted({command(source, "CLUSTER", "KEYSLOT", key) for key in self.random.sample(keys, min(16, len(keys)))})
        injected = time.monotonic()
        moved = [self.move(slot, source, target) for slot in slots]
        self.wait(0, 0.5)
        for slot in slots:
            self.move(slot, target, source)
        wait_until("all nodes know where the slots are", self.serves, 20)
        fault = Fault("move slots", injected, time.monotonic())
        return fault, f"{len(slots)} slots with {sum(moved)} keys, in {fault.healthy - injected:.1f} s"

    def move(self, slot, source, target):
        nodes = self.map(source)
        source_id, target_id = nodes[source][0], nodes[target][0]
        command(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        command(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        count = 0
        deadline = time.monotonic() + 20
        while True:
            # Requests meet a slot that is half here and half there.
            self.wait(0, 0.05)
            keys = command(source, "CLUSTER", "GETKEYSINSLOT", slot, 5)
            if not keys:
                break
            if time.monotonic() > deadline:
                raise Trouble(f"slot {slot} does not become empty")
            command(source, "MIGRATE", "127.0.0.1", target, "", 0, 2000, "KEYS", *keys)
            count += len(keys)
        # The new owner first, then the old, then everybody else that is a primary.
        for port in [target, source, *(p for p in self.primaries() if p not in (source, target))]:
            command(port, "CLUSTER", "SETSLOT", slot, "NODE", target_id)
        return count
