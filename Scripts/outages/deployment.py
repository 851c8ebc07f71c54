"""Servers that are started, made to fail in many ways, and stopped again."""
import os
import random
import shlex
import signal
import subprocess
import time
import urllib.parse

from outages.history import Fault
from outages.ways import Ways

SERVICES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "services")


class Trouble(Exception):
    """The deployment does not do what the checks rely on: nothing is known about the library."""


class ServerError(Exception):
    """An error that a server answered."""


def wait_until(what, condition, seconds):
    """Gives what the condition gives, once that is true. A server that does not answer is none."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = condition()
            if result:
                return result
        except (OSError, ServerError):
            pass
        if time.monotonic() > deadline:
            raise Trouble(f"waited {seconds} s in vain until {what}")
        time.sleep(0.02)


def with_port(url, port):
    """The address with another port."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()


class Deployment:
    """One service of Scripts/services, in a folder of its own."""

    service = None
    # The names of the faults; each is a method too. It gives the fault when the servers are well again for clients.
    faults = ()

    # Whether every second process of the demo has a near cache.
    has_near_cache = False
    # The most processes that can share the store.
    most_processes = 8
    # Whether one address leads to the server, so that a proxy can stand in its place.
    has_one_address = False
    # Whether the processes keep their sessions in memory alone.
    is_in_memory = False

    def __init__(self, folder, seed):
        self.folder = folder
        self.servers = {}
        # The processes of the demo, once they run.
        self.demos = []
        self.random = random.Random(seed)
        self.paused = set()
        self.turns = []
        # With what the names of those begin that there are to be.
        self.faults_begin = ""
        self.ways = None

    def services(self, *arguments):
        environment = dict(os.environ, SESSIONS_SERVICES_DIR=self.folder)
        result = subprocess.run(
            [SERVICES, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=180,
        )
        if result.returncode != 0 and arguments[0] != "status":
            raise Trouble(f"Scripts/services {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def start(self):
        lines = self.services("start", self.service).splitlines()
        self.variables = dict(word.split("=", 1) for line in lines for word in shlex.split(line)[1:])
        self.find_servers()
        self.prepare()
        return self

    def find_servers(self):
        """The name and the process id of the server at each port."""
        self.servers = {}
        for line in self.services("status").splitlines():
            name, _, port, _, process, *_ = line.split()
            self.servers[int(port)] = (name, int(process))

    def stop(self):
        for process in self.paused:
            try:
                os.kill(process, signal.SIGCONT)
            except OSError:
                pass
        if os.path.isdir(self.folder):
            self.services("stop")

    def prepare(self):
        pass

    def url_by(self, port):
        """The address of the store, with a proxy's port in the place of the server's."""
        return self.url

    def use(self, demos, proxy):
        """The processes of the demo run; the proxy has a way from clients to each, and maybe from each to the server."""
        self.demos = demos
        self.ways = Ways(self, proxy)

    def take_unplanned_faults(self):
        """What servers did that nobody had told them."""
        return []

    def logs(self):
        """The logs of the servers, by their names."""
        found = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name in ("log", "log.before"):
                    found[f"{os.path.basename(folder)}{name[3:]}"] = os.path.join(folder, name)
                elif name == "announcements.log":
                    found["announcements"] = os.path.join(folder, name)
        return found

    def wait_until_whole(self):
        """Until the next fault may come."""

    # MARK: Faults

    def inject(self):
        """Every kind once, in random order, then again. Gives the fault, one for each process where it concerns several, and
        what it was."""
        if not self.turns:
            own = [(self, name) for name in self.faults]
            on_the_way = [(self.ways, name) for name in self.ways.faults()] if self.ways else []
            kinds = [kind for kind in own + on_the_way if kind[1].startswith(self.faults_begin)]
            if not kinds:
                raise Trouble(f"no kind of fault begins with \"{self.faults_begin}\"")
            self.turns = self.random.sample(kinds, len(kinds))
        owner, name = self.turns.pop()
        fault, text = getattr(owner, name.replace(" ", "_"))()
        return fault if isinstance(fault, list) else [fault], text

    def wait(self, least, most):
        seconds = self.random.uniform(least, most)
        time.sleep(seconds)
        return seconds

    def kill_server(self, port):
        process = self.servers[port][1]
        os.kill(process, signal.SIGKILL)

    def restart_server(self, port):
        name = self.servers[port][0]
        self.servers[port] = (name, int(self.services("restart", name).split()[-1]))

    def pause_server(self, port):
        process = self.servers[port][1]
        self.paused.add(process)
        os.kill(process, signal.SIGSTOP)

    def resume_server(self, port):
        process = self.servers[port][1]
        os.kill(process, signal.SIGCONT)
        self.paused.discard(process)

    # MARK: Faults of the demo's processes

    def kill_a_process(self):
        index = self.random.randrange(len(self.demos))
        injected = time.monotonic()
        self.demos[index].kill()
        gone = time.monotonic()
        seconds = self.wait(0, 1.0)
        self.demos[index].start()
        # The other one goes on as if nothing were.
        fault = Fault(
            "kill a process", injected, time.monotonic(), process=index, spreads=False,
            emptied=gone if self.is_in_memory else None,
        )
        return fault, f"{self.demos[index].name}, down for {seconds:.1f} s and the start"

    def pause_a_process(self):
        """It may hold locks meanwhile, for longer than the other one waits, and goes on in the middle of what it did."""
        index = self.random.randrange(len(self.demos))
        injected = time.monotonic()
        self.demos[index].pause()
        seconds = self.wait(0.3, 3.5)
        self.demos[index].resume()
        fault = Fault("pause a process", injected, time.monotonic(), process=index, spreads=not self.is_in_memory)
        return fault, f"{self.demos[index].name}, for {seconds:.1f} s"
