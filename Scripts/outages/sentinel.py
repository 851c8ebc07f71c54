"""Redis under sentinels, and what these do without being told."""
import os
import socket
import threading
import time
import urllib.parse

from outages.deployment import ServerError, Trouble, wait_until
from outages.history import Fault
from outages.redis import RedisDeployment, command, reply


class Watch:
    """Hears what the sentinels announce.

    On a busy machine they take a server for dead that is not: a failover which nobody ordered loses writes as any other.
    """

    # How long a server has been silent when a sentinel takes it for dead, and what a failover takes at the most if none
    # has said so.
    DOWN_AFTER = 0.6
    LONGEST = 3.0

    def __init__(self, deployment):
        self.deployment = deployment
        self.planned = []
        # The server that was made a replica by hand.
        self.demoted = None
        self.lock = threading.Lock()
        # When the primary at each port was taken for dead.
        self.downs = {}
        # Who became primary, when the first sentinel said so, and when the last one did.
        self.switches = []
        self.last_taken = None
        self.log = open(os.path.join(deployment.folder, "announcements.log"), "w", buffering=1)
        self.connections = [socket.create_connection(("127.0.0.1", port), timeout=5) for port in deployment.sentinels]
        self.threads = [threading.Thread(target=self.listen, args=(one,), daemon=True) for one in self.connections]
        for thread in self.threads:
            thread.start()

    def listen(self, connection):
        connection.sendall(f"AUTH {self.deployment.password}\r\nPSUBSCRIBE *\r\n".encode())
        connection.settimeout(None)
        lines = connection.makefile("rb")
        try:
            while True:
                words = reply(lines)
                if isinstance(words, list) and words[0] == "pmessage":
                    self.hear(connection.getpeername()[1], words[2], words[3])
        except (OSError, ServerError, ValueError):
            # Closed: the end of it.
            pass

    def hear(self, sentinel, event, text):
        now = time.monotonic()
        with self.lock:
            if not self.log.closed:
                self.log.write(f"{time.strftime('%H:%M:%S')} {now:.3f} sentinel at {sentinel}: {event} {text}\n")
            words = text.split()
            if event == "+sdown" and words[0] == "master":
                self.downs.setdefault(int(words[3]), now)
            if event == "-sdown" and words[0] == "master":
                self.downs.pop(int(words[3]), None)
            if event != "+switch-master":
                return
            port = int(words[4])
            if self.switches and self.switches[-1][0] == port:
                self.switches[-1][2] = now
                return
            self.switches.append([port, now, now, self.downs.pop(int(words[2]), None)])
        if port == self.demoted:
            # It has become the primary in the same moment: our word was the last, and is taken back.
            self.demoted = None
            try:
                command(port, "REPLICAOF", "NO", "ONE")
            except (OSError, ServerError):
                pass

    def take_unplanned(self):
        """The failovers that no fault of ours has brought about, each once."""
        faults = []
        with self.lock:
            switches, self.switches = self.switches, self.switches[-1:]
            known = switches[0] if switches and switches[0] is self.last_taken else None
            for one in switches:
                port, first, last, down = one
                if one is known or any(f.injected <= first <= f.healthy + 0.5 for f in self.planned):
                    continue
                begin = first - self.LONGEST if down is None else down - self.DOWN_AFTER
                faults.append(Fault("failover by the sentinels alone", begin, last, loses=True, splits=True))
            self.last_taken = switches[-1] if switches else None
        return faults

    def stop(self):
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        for thread in self.threads:
            thread.join(timeout=5)
        with self.lock:
            self.log.close()


class Sentinel(RedisDeployment):
    """A primary and a replica, watched over by three sentinels."""

    service = "redis-sentinel"
    faults = ("kill the primary", "kill the primary ahead of its replica", "pause the primary", "failover by command")

    watch = None

    def prepare(self):
        self.password = self.variables["SESSIONS_REDIS_SENTINEL_PASSWORD"]
        address = self.variables["SESSIONS_REDIS_SENTINEL_URL"]
        self.url = f"{address}?sentinel_password={self.password}"
        hosts = urllib.parse.urlsplit(address).netloc.split(",")
        self.sentinels = [int(host.rpartition(":")[2]) for host in hosts]
        self.nodes = [int(n.rpartition(":")[2]) for n in self.variables["SESSIONS_REDIS_SENTINEL_NODES"].split(",")]
        self.watch = Watch(self)
        self.wait_until_whole()

    def stop(self):
        if self.watch:
            self.watch.stop()
        super().stop()

    def inject(self):
        faults, text = super().inject()
        self.watch.planned += faults
        return faults, text

    def take_unplanned_faults(self):
        return self.watch.take_unplanned()

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

    def other_primary(self, old, seconds=20):
        def found():
            port = self.primary()
            return port if port != old else None
        return wait_until("there is a new primary", found, seconds)

    def demote(self, old, new):
        """Sentinels take eight seconds before they tell the old primary. Often they are helped, to save time."""
        self.wait(0.5, 2.5)
        # Not where they have made it the primary again meanwhile, having taken the new one for dead: the one that all of
        # them name would be a replica by our word, and serve nobody for the twenty seconds that they give it.
        if self.random.random() < 0.75 and self.primary() == new:
            try:
                self.watch.demoted = old
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
        for is_last in (False, False, True):
            wait_until("a sentinel begins a failover", accepted, 20)
            try:
                new = self.other_primary(old, 10)
                break
            except Trouble:
                # Given up after three seconds: another sentinel, which had not heard of it yet, has made the new primary a
                # replica again. It goes by its own clock, on a machine that is busy.
                if is_last:
                    raise
        fault = Fault("failover by command", injected, time.monotonic(), loses=True, splits=True)
        self.demote(old, new)
        return fault, f"another one after {fault.healthy - injected:.1f} s"
