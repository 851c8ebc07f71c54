"""Clients of the demo, what they keep of their requests, and probes."""
import http.client
import itertools
import json
import sys
import threading
import time

from outages.history import Operation

NAME = "session"
# Longer than any answer may take: that it took too long is for the checks to say.
TIMEOUT = 15


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
            "end-others": ("DELETE", "/api/sessions?others=true", None),
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
