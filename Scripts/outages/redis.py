"""Redis: how to speak to it, and one server."""
import socket
import time

from outages.deployment import Deployment, ServerError, wait_until, with_port
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
    has_near_cache = True

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
    faults = ("kill and restart", "pause", "close all connections", "kill a process", "pause a process")
    has_near_cache = False
    has_one_address = True

    def prepare(self):
        [self.port] = self.servers
        self.url = self.variables["SESSIONS_REDIS_URL"]
        for name, value in [("appendfsync", "always"), ("appendonly", "yes")]:
            command(self.port, "CONFIG", "SET", name, value)
        # For the restart.
        command(self.port, "CONFIG", "REWRITE")
        wait_until("the server writes down every change", self.writes_down, 20)

    def url_by(self, port):
        return with_port(self.url, port)

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


class NearSingle(Single):
    """With a near cache in every second process."""

    has_near_cache = True
