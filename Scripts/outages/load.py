"""Processes of the demo, and the people who use them while servers fail."""
import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

from outages.deployment import Trouble
from outages.history import Operation

NAME = "session"
# Longer than any answer may take: that it took too long is for the checks to say.
TIMEOUT = 15
MAXIMUM_PARKED = 4
MAXIMUM_ITEMS = 40


class Demo:
    """One process of the demo."""

    def __init__(self, binary, folder, name, url, near_cache):
        self.name = name
        self.folder = folder
        self.log = os.path.join(folder, f"{name}.log")
        self.arguments = [binary, "--port", "0", "--insecure-cookies", "--store", url]
        if near_cache:
            self.arguments.append("--near-cache")
        # Counts its lives.
        self.life = 0
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C is for this program, which then stops the demo.
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder,
                start_new_session=True,
            )
        # Ends at the latest when the demo has given up the store, after 5 seconds.
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            self.stop()
            raise Trouble(f"the demo does not start: {line!r} {self.end_of_log()}")
        self.port = int(match[1])
        self.life += 1

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end_of_log(self):
        with open(self.log, errors="replace") as log:
            lines = log.readlines()
        # Of a crash what tells most is not at the end.
        for index, line in enumerate(lines):
            if "Fatal error" in line or line.rstrip().endswith(" crashed:"):
                lines = lines[index:index + 15]
                break
        return "".join(lines[-15:])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def understands(binary, scheme):
    """Whether the demo was built with the store: it says so in its error."""
    result = subprocess.run(
        [binary, "--store", f"{scheme}://127.0.0.1:1/x?nonsense=1"], capture_output=True, text=True, timeout=20
    )
    return "no provider is registered" not in result.stderr


class Recorder:
    """Gives out names and numbers, and keeps what happened. Shared by all threads."""

    def __init__(self, history, demos):
        self.history = history
        self.demos = demos
        self.sessions = itertools.count(1)
        self.items = itertools.count(1)
        self.tokens = itertools.count(1)
        # So that texts of tokens appear nowhere but in requests.
        self.names = {}

    def name(self, token):
        return None if token is None else self.names.setdefault(token, f"t{next(self.tokens)}")


class Client:
    """One thread's connections, one to each process, which stay open."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.connections = [None] * len(recorder.demos)

    def close(self, process):
        if self.connections[process]:
            self.connections[process][1].close()
        self.connections[process] = None

    def close_all(self):
        for process in range(len(self.connections)):
            self.close(process)

    def call(self, process, kind, user=None, session=None, token=None, value=None):
        """One request. Gives the operation, and the token that came with the answer."""
        operation = Operation(kind, user, session, self.recorder.name(token), process, value=value)
        method, path, body = {
            "plain": ("GET", "/api/plain", None),
            "append": ("POST", "/api/list/items", value),
            "increment": ("POST", "/api/counter/n", None),
            "values": ("GET", "/api/values", None),
            "session": ("GET", "/api/session", None),
            "sessions": ("GET", "/api/sessions", None),
            "login": ("POST", "/api/login", {"subject": user}),
            "renew": ("POST", "/api/renew", None),
            "logout": ("POST", "/api/logout", None),
        }[kind]
        fields = {"Cookie": f"{NAME}={token}"} if token else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            fields["Content-Type"] = "application/json"
        new_token = None
        demo = self.recorder.demos[process]
        life, connection = self.connections[process] or (0, None)
        if life != demo.life:
            # With a process that is no more.
            self.close(process)
            life, port = demo.life, demo.port
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
            self.connections[process] = (life, connection)
        operation.invoked = time.monotonic()
        try:
            connection.request(method, path, body=data, headers=fields)
            response = connection.getresponse()
            content = response.read()
            operation.answered = time.monotonic()
            operation.status = response.status
            new_token = self.read(operation, response, content)
        except (OSError, http.client.HTTPException) as error:
            operation.answered = time.monotonic()
            operation.code = type(error).__name__
            self.close(process)
        self.recorder.history.add(operation)
        return operation, new_token

    def read(self, operation, response, content):
        cookies = response.headers.get_all("Set-Cookie") or []
        operation.cookies = len(cookies)
        operation.retry_after = "Retry-After" in response.headers
        new_token = None
        for cookie in cookies:
            name, value = cookie.split(";")[0].split("=", 1)
            if name == NAME and value:
                new_token = value
        operation.new_token = self.recorder.name(new_token)
        try:
            document = json.loads(content) if content else {}
        except ValueError:
            document = {}
        if operation.outcome != "ok":
            error = document.get("error")
            operation.code = error.get("code") if isinstance(error, dict) else None
        elif operation.kind == "append":
            operation.number = document["count"]
        elif operation.kind == "increment":
            operation.number = document["value"]
        elif operation.kind == "values":
            # The same text a hundred times over takes the room of one.
            operation.items = tuple(map(sys.intern, document["values"].get("items", ())))
            operation.number = document["values"].get("n")
        elif operation.kind == "session":
            operation.exists, operation.id = document["exists"], document["id"] and sys.intern(document["id"])
            operation.subject = document["subject"]
        elif operation.kind == "sessions":
            operation.ids = tuple(sys.intern(entry["id"]) for entry in document["sessions"])
        return new_token


class Held:
    """A session as its user knows it."""

    def __init__(self, number, token):
        self.number = number
        self.token = token
        self.signed_in = False
        self.appends = 0
        # False after a 503 to a request that ends the token: nobody knows whether it did.
        self.certain = True


class User:
    """Two threads: one decides what becomes of the session, the other uses it too, as a second tab would."""

    def __init__(self, name, recorder, seed):
        self.name = name
        self.recorder = recorder
        self.seed = seed
        self.current = None
        # Sessions of other devices, which nobody uses for a while.
        self.parked = []
        # Session, token and when it was ended or replaced.
        self.ended = []
        self.stopping = threading.Event()
        self.errors = []
        self.threads = [
            threading.Thread(target=self.work, args=(step, index), daemon=True)
            for index, step in enumerate([self.decide, self.use])
        ]

    def start(self):
        for thread in self.threads:
            thread.start()

    def work(self, step, index):
        chance = random.Random(f"{self.seed} {self.name} {index}")
        client = Client(self.recorder)
        try:
            while not self.stopping.is_set():
                step(client, chance)
                self.stopping.wait(chance.uniform(0.02, 0.08))
        except Exception as error:  # a thread that breaks is a check that failed
            self.errors.append(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            client.close_all()

    def item(self):
        return f"{self.name}-{next(self.recorder.items)}"

    def call(self, client, chance, kind, held, **more):
        process = chance.randrange(len(self.recorder.demos))
        return client.call(process, kind, self.name, held.number, held.token, **more)

    # MARK: What both do

    def write_or_read(self, client, chance, held):
        """Gives whether the session is still there, as far as one can tell."""
        kind = chance.choices(["append", "increment", "values", "session", "sessions"], [40, 18, 30, 10, 2])[0]
        if kind == "sessions" and not held.signed_in:
            kind = "session"
        if kind == "append" and held.appends >= MAXIMUM_ITEMS:
            kind = "values"
        if kind == "append":
            held.appends += 1
            operation, new = self.call(client, chance, kind, held, value=self.item())
        else:
            operation, new = self.call(client, chance, kind, held)
        if new or operation.outcome == "failed" or operation.exists is False:
            return False
        if operation.committed:
            held.certain = True
        return True

    def use(self, client, chance):
        held = self.current
        if held:
            self.write_or_read(client, chance, held)

    # MARK: What one decides

    def decide(self, client, chance):
        held = self.current
        if held is None:
            return self.begin(client, chance)
        if not held.certain and chance.random() < 0.2:
            return self.end(client, chance, held)
        if held.appends >= MAXIMUM_ITEMS and chance.random() < 0.2:
            return self.end(client, chance, held)
        action = chance.choices(["use", "renew", "login", "logout", "park"], [80, 6, 5, 4, 5])[0]
        if action == "use" or (not held.certain and action != "logout"):
            if not self.write_or_read(client, chance, held) and self.current is held:
                # Gone. Whether it may be is for the checks to say.
                self.current = None
        elif action == "logout":
            self.end(client, chance, held)
        elif action == "park":
            self.current = None
            self.parked.append(held)
            if len(self.parked) > MAXIMUM_PARKED:
                self.end(client, chance, self.parked.pop(0))
        else:
            self.replace(client, chance, held, action)

    def begin(self, client, chance):
        held = Held(next(self.recorder.sessions), None)
        if chance.random() < 0.5:
            held.appends = 1
            _, token = self.call(client, chance, "append", held, value=self.item())
        else:
            _, token = self.call(client, chance, "login", held)
            held.signed_in = token is not None
        if token:
            held.token = token
            self.current = held

    def replace(self, client, chance, held, action):
        old = held.token
        operation, token = self.call(client, chance, action, held)
        if token:
            # The other thread may still be on the way with the old one; the next time it takes the new one.
            successor = Held(held.number, token)
            successor.signed_in = held.signed_in or action == "login"
            successor.appends = held.appends
            self.current = successor
            self.ended.append((held.number, old, operation.answered))
        elif operation.outcome == "unknown":
            held.certain = False
        else:
            self.current = None

    def end(self, client, chance, held):
        if self.current is held:
            self.call(client, chance, "values", held)
        for _ in range(60):
            operation, _ = self.call(client, chance, "logout", held)
            if operation.outcome == "ok":
                self.ended.append((held.number, held.token, operation.answered))
                break
            held.certain = False
            if self.stopping.wait(0.1):
                break
        if self.current is held:
            self.current = None

    def held(self):
        """Sessions that are there, for all that is known."""
        return [held for held in [*self.parked, self.current] if held and held.certain]


class PlainProbe(threading.Thread):
    """Asks every process, again and again, for what needs no session."""

    def __init__(self, recorder):
        super().__init__(daemon=True)
        self.recorder = recorder
        self.stopping = threading.Event()

    def run(self):
        client = Client(self.recorder)
        while not self.stopping.wait(0.05):
            for process in range(len(self.recorder.demos)):
                client.call(process, "plain")
        client.close_all()


class StallProbe(threading.Thread):
    """Notes when this program itself gets no time: what it measures then says nothing about servers."""

    def __init__(self, history):
        super().__init__(daemon=True)
        self.history = history
        self.stopping = threading.Event()

    def run(self):
        before = time.monotonic()
        while not self.stopping.wait(0.02):
            now = time.monotonic()
            if now - before > 0.1:
                self.history.stalls.append((now, now - before - 0.02))
            before = now
