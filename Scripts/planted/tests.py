"""The package's tests, run until one finds something wrong."""
import dataclasses
import json
import os
import re
import signal
import subprocess
import tempfile
import threading

# Where a store's tests are, by the ids of tests: MODULE.SUITE/test(_:)
TESTS = {
    "memory": (r"^(Sessions|Fuzz)Tests\.", r"^SessionsTests\.File"),
    "file": (r"^SessionsTests\.File", None),
    "sqlite": (r"^SessionsSQL(ite)?Tests\.", None),
    "redis": (r"^SessionsRedisTests\.", None),
    "mysql": (r"^SessionsMySQLTests\.", None),
    "postgres": (r"^SessionsPostgresTests\.", None),
}
CONFORMANCE = "ConformanceTests/"
# Random programs beside a model, and which of them are a store's. What they find in flawed stores is for the other tests.
MODEL = r"Session(Store)?ModelTests/"
MODEL_TESTS = {
    "memory": r"^SessionsTests\.SessionModelTests/(memory|stepwise)\(",
    "file": r"^SessionsTests\.SessionModelTests/files\(",
    "sqlite": r"^SessionsSQLiteTests\.SQLiteSessionStoreModelTests/",
    "redis": r"^SessionsRedisTests\.RedisSessionStoreModelTests/",
    "mysql": r"^SessionsMySQLTests\.MySQLSessionStoreModelTests/",
    "postgres": r"^SessionsPostgresTests\.PostgresSessionStoreModelTests/",
}
# Stop and restart servers, so that they are run one at a time.
SERVERS = {"redis": "redis", "mysql": "mariadb", "postgres": "postgres"}


@dataclasses.dataclass
class Finding:
    """What a proof has found."""

    # conformance, unit test, model or torture
    kind: str
    # The test or the check.
    name: str
    # Which test to run again without the bug; none where the process ended or never did.
    test: str = ""
    # What the test has said.
    message: str = ""

    def __str__(self):
        return f"{self.kind}: {self.name}"


class TestRun:
    """Runs tests until the first that fails, which is killed with all that it has started."""

    def __init__(self, program, bug, only, skip=None, parallel=True):
        self.program = program
        self.bug = bug
        self.options = ["--filter", only]
        if skip:
            self.options += ["--skip", skip]
        if not parallel:
            self.options.append("--no-parallel")
        # One at a time those of a server take four minutes where nothing else runs.
        self.seconds = 240 if parallel else 1200
        self.names = {}
        self.running = {}
        self.count = 0

    def finding(self):
        """What has failed first, as (name, id, and what it said if it is a test), or None."""
        reading, writing = os.pipe()
        # What a run that is cut off leaves goes with the folder.
        with tempfile.TemporaryDirectory(prefix="planted-") as place:
            # PostgreSQL refuses to run as root, and whom it runs as must get to its folder in here.
            os.chmod(place, 0o711)
            # The same programs each time, unless others are asked for.
            environment = {"SESSIONS_MODEL_SEED": "1", **os.environ, "TMPDIR": place}
            environment.pop("SESSIONS_PLANTED_BUG", None)
            if self.bug:
                environment["SESSIONS_PLANTED_BUG"] = self.bug.name
            process = subprocess.Popen(
                [
                    self.program, "--testing-library", "swift-testing", *self.options,
                    "--event-stream-version", "0", "--event-stream-output-path", f"/dev/fd/{writing}",
                ],
                env=environment, pass_fds=[writing], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            os.close(writing)
            late = threading.Event()
            timer = threading.Timer(self.seconds, lambda: (late.set(), kill(process)))
            timer.start()
            try:
                with os.fdopen(reading, encoding="utf-8") as events:
                    for line in events:
                        failed = self.failed(json.loads(line))
                        if failed:
                            return failed
                status = process.wait()
            finally:
                timer.cancel()
                kill(process)
            if late.is_set():
                return f"never ends: {self.still_running}", ""
            if status < 0 or status not in (0, 1):
                return f"ends the process with {-status if status < 0 else status}: {self.still_running}", ""
            if status != 0:
                return f"fails without a word: {self.still_running}", ""
            return None

    @property
    def still_running(self):
        return ", ".join(sorted(self.running.values())) or "between two tests"

    def failed(self, record):
        payload = record["payload"]
        if record["kind"] == "test":
            self.names[payload["id"]] = payload.get("displayName") or payload["name"]
            return None
        test = payload.get("testID", "")
        if payload["kind"] == "testStarted" and "/" in test:
            self.running[test] = self.names.get(test, test)
            self.count += 1
        elif payload["kind"] == "testEnded":
            self.running.pop(test, None)
        elif payload["kind"] == "issueRecorded" and not payload.get("issue", {}).get("isKnown"):
            text = " ".join(message["text"] for message in payload.get("messages", [])[:1])
            return self.names.get(test, test), test or text, text
        return None


def kill(process):
    """Ends a run and the servers that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def pattern(test):
    """What selects one test by its id, with or without the place in a file that ends it."""
    identity = "/".join(part for part in test.split("/") if not re.search(r"\.swift:\d+", part))
    return "^" + re.escape(identity)
