"""Redis Cluster."""
import time

from outages.deployment import Trouble, wait_until
from outages.history import Fault
from outages.redis import RedisDeployment, command, fields


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
