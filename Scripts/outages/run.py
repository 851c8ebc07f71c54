"""One store under load and faults, for a given time."""
import collections
import os
import random
import shutil
import statistics
import time

from outages import checks, cluster, local, races, redis, sentinel, sql, timeline, verdict
from outages.clients import Client, PlainProbe, Recorder
from outages.demo import Demo
from outages.deployment import Trouble
from outages.history import History
from outages.proxy import Proxy
from outages.stalls import StallProbe
from outages.users import User

STORES = {
    "memory": local.Memory,
    "file": local.File,
    "sqlite": local.SQLite,
    "redis": redis.Single,
    "redis-near": redis.NearSingle,
    "redis-sentinel": sentinel.Sentinel,
    "redis-cluster": cluster.Cluster,
    "mysql": sql.MariaDB,
    "postgres": sql.PostgreSQL,
    "postgres-near": sql.NearPostgreSQL,
}
USERS = 6
LEAVERS = 6
# What of a log is shown when something is wrong.
LAST_LINES = 12
# The shortest run that has a fault in it.
LEAST_SECONDS = 5


class Run:
    def __init__(self, name, seconds, seed, binary, folder, processes, faults, say):
        self.name = name
        self.seconds = seconds
        self.seed = seed
        self.binary = binary
        self.folder = folder
        # Told what happens, in lines for people.
        self.say = say
        self.random = random.Random(f"{seed} {name}")
        kind = STORES[name]
        self.deployment = kind(os.path.join(folder, name), f"{seed} {name}")
        self.deployment.faults_begin = faults
        self.shared = list(range(min(processes, kind.most_processes)))
        near = [index for index in self.shared if index % 2 == 1] if kind.has_near_cache else []
        # One process more, with short limits.
        self.short = len(self.shared)
        self.history = History(near=near, limits={self.short: (races.IDLE, races.ABSOLUTE)})
        self.proxy = None
        self.demos = []
        self.workers = []
        self.probes = []
        self.recoveries = []
        # How long until another process saw a write, and an end.
        self.travel_times = []
        self.verdict = None
        self.began = time.monotonic()
        self.fault = ""

    def run(self):
        try:
            self.start()
            deadline = self.began + self.seconds
            while time.monotonic() < deadline or not self.history.faults:
                self.one_round()
            self.fault = "checking"
            self.loaded_until = time.monotonic()
            self.stop_load()
            # Past what a near cache may be behind.
            time.sleep(verdict.STALE + verdict.ROUND_TRIP)
            self.look_at_sessions(all_ended=True)
            self.check_that_all_run()
        finally:
            self.stop()
        self.history.faults += self.deployment.take_unplanned_faults()
        self.history.faults.sort(key=lambda fault: fault.injected)
        self.verdict = checks.check(self.history)

    def start(self):
        began = time.monotonic()
        self.deployment.start()
        self.proxy = Proxy()
        for index in [*self.shared, self.short]:
            self.demos.append(self.start_demo(index))
        self.deployment.use(self.demos, self.proxy)
        self.recorder = Recorder(self.history, self.demos)
        self.client = Client(self.recorder)
        self.workers = [User(f"{self.name}{index}", self.recorder, self.seed, self.shared) for index in range(USERS)]
        is_near = bool(self.history.near)
        for kind in (races.Twins, races.Tabs, races.Household):
            name = f"{self.name}-{kind.__name__.lower()}"
            self.workers.append(kind(name, self.recorder, self.seed, self.shared, is_near))
        for index in range(LEAVERS):
            self.workers.append(races.Leaver(f"{self.name}-leaver{index}", self.recorder, self.seed, self.short))
        self.probes = [PlainProbe(self.recorder), StallProbe(self.history, self.proxy, self.processes)]
        self.began = time.monotonic()
        for thread in [*self.probes, *self.workers]:
            thread.start()
        self.say(f"{len(self.deployment.servers)} servers, {len(self.demos)} processes of the demo, after "
                 f"{self.began - began:.1f} s")

    def start_demo(self, index):
        url = self.deployment.url
        if self.deployment.has_one_address:
            url = self.deployment.url_by(self.proxy.open(f"store {index}", self.deployment.port))
        name = f"clients {index}"
        port = None

        def way(own):
            nonlocal port
            if port is None:
                port = self.proxy.open(name, own)
            else:
                self.proxy.order("aim", name, port=own)
            return port

        options = ["--idle", str(races.IDLE), "--absolute", str(races.ABSOLUTE)] if index == self.short else []
        near = index in self.history.near
        return Demo(self.binary, self.folder, f"{self.name}-demo-{index}", url, near, options, way)

    def processes(self):
        """Those that requests go through: they must get their share of the machine, or times say nothing."""
        return [demo.process.pid for demo in self.demos] + [process for _, process in list(self.deployment.servers.values())]

    def stop_load(self):
        for one in [*self.workers, *self.probes]:
            one.stopping.set()
        for thread in [*self.probes, *(thread for worker in self.workers for thread in worker.threads)]:
            if thread.ident is not None:
                thread.join(timeout=30)

    def stop(self):
        for one in [*self.workers, *self.probes]:
            one.stopping.set()
        for demo in self.demos:
            demo.stop()
        self.logs = self.read_logs()
        self.deployment.stop()
        if self.proxy:
            self.proxy.stop()
        self.stop_load()

    def check_that_all_run(self):
        for demo in self.demos:
            if demo.process.poll() is not None:
                raise Trouble(f"{demo.name} has ended, with {demo.process.returncode}: {demo.end_of_log()}")
        for worker in self.workers:
            if worker.errors:
                raise Trouble("; ".join(worker.errors))

    def read_logs(self):
        """All of every log, by its name."""
        paths = {**{demo.name: demo.log for demo in self.demos}, **self.deployment.logs()}
        logs = {}
        for name, path in paths.items():
            try:
                with open(path, errors="replace") as log:
                    logs[name] = log.readlines()
            except OSError:
                pass
        return logs

    # MARK: A round

    def one_round(self):
        time.sleep(self.random.uniform(0.2, 0.6))
        self.measure_travel()
        first = len(self.history.operations)
        self.fault = "a fault"
        faults, text = self.deployment.inject()
        fault = faults[0]
        self.fault = fault.kind
        self.history.faults.extend(faults)
        # Until no request has failed for a while, or it is too late for that anyway.
        while True:
            time.sleep(0.1)
            operations = self.history.operations[first:]
            seconds, failed = checks.recovery(operations, fault)
            now = time.monotonic()
            if now - max(fault.healthy + seconds, fault.healthy) > 0.6 or now - fault.healthy > verdict.RECOVERY + 1:
                break
        self.deployment.wait_until_whole()
        unplanned = self.deployment.take_unplanned_faults()
        self.history.faults.extend(unplanned)
        self.look_at_sessions()
        self.fault = ""
        seconds, failed = checks.recovery(self.history.operations[first:], fault)
        if not unplanned:
            self.recoveries.append(seconds)
        longest = checks.longest_answer(operations, [fault])
        self.say(f"{fault.kind}, {text}; {failed} without an answer, the longest took {longest:.2f} s, recovery {seconds:.2f} s"
                 + "".join(f"; {one.kind}" for one in unplanned))
        self.check_that_all_run()

    def look_at_sessions(self, all_ended=False):
        """Every session that nobody ended is there, on each process; what was ended is not."""
        for worker in self.workers:
            ended = list(worker.ended)
            if not all_ended:
                # Those from about the outage, and some from before.
                ended = ended[-3:] + self.random.sample(ended, min(2, len(ended)))
            elif len(ended) > 100:
                ended = ended[-40:] + self.random.sample(ended, 60)
            for process in self.shared:
                for held in worker.held():
                    self.client.call(process, "session", worker.name, held.number, held.token)
                    self.client.call(process, "values", worker.name, held.number, held.token)
                for session, token, _ in ended:
                    kind = self.random.choice(["session", "values"])
                    self.client.call(process, kind, worker.name, session, token)

    def measure_travel(self):
        """How long what one process commits takes to another, where it has been read just before."""
        if len(self.shared) < 2:
            return
        first, second = self.random.sample(self.shared, 2)
        user, session, call = f"{self.name}-probe", next(self.recorder.sessions), self.client.call
        value = f"{user}-{next(self.recorder.items)}"
        operation, token = call(first, "append", user, session, value=value)
        if not token:
            return
        call(second, "values", user, session, token)
        value = f"{user}-{next(self.recorder.items)}"
        operation, _ = call(first, "append", user, session, token, value)
        self.until(operation, lambda: value in (call(second, "values", user, session, token)[0].items or ()))
        operation, _ = call(first, "logout", user, session, token)
        self.until(operation, lambda: call(second, "session", user, session, token)[0].exists is False)

    def until(self, operation, seen):
        """The checks of the history say whether it took too long."""
        while operation.outcome == "ok" and time.monotonic() < operation.answered + 3:
            began = time.monotonic()
            if seen():
                self.travel_times.append(max(0.0, began - operation.answered))
                break
            time.sleep(0.005)

    # MARK: What came out

    def progress(self):
        """How far it is, in figures that cost little."""
        operations = self.history.operations
        seconds = time.monotonic() - self.began
        return {
            "seconds": min(seconds, self.seconds), "operations": len(operations),
            "faults": len({(fault.kind, fault.injected) for fault in list(self.history.faults)}), "fault": self.fault,
        }

    def story(self):
        """What is wrong, and what led to it; nothing if nothing is."""
        violations = self.verdict.violations
        for violation in violations[:20]:
            yield f"FAILED  {violation}"
        if len(violations) > 20:
            yield f"        and {len(violations) - 20} more"
        if not violations:
            return
        first = violations[0]
        begin = min(o.invoked for o in first.operations) - 1
        last = first.operations[-1]
        about_then = [str(f) for f in self.history.faults if begin - 10 < f.healthy and f.injected < last.answered + 1]
        for text in dict.fromkeys(about_then):
            yield f"        {text}"
        yield "        all of that session, about then:"
        story = sorted(
            (o for o in self.history.operations if o.session is not None and o.session == last.session),
            key=lambda o: o.invoked,
        )
        end = story.index(last) + 5 if last in story else len(story)
        for operation in story[max(0, end - 40):end]:
            yield f"        {operation.detailed()}"

    def last_lines(self):
        for name, lines in self.logs.items():
            if lines:
                yield f"--- the end of the log of {name}"
                yield from (line.rstrip("\n") for line in lines[-LAST_LINES:])

    def write_report(self, folder):
        """The log of all operations, a picture, and where something is wrong all logs."""
        folder = os.path.join(folder, self.name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.history.write(os.path.join(folder, "operations.jsonl"), self.began)
        with open(os.path.join(folder, "timeline.svg"), "w") as picture:
            picture.write(timeline.draw(self.name, self.history, self.began, self.loaded_until, self.verdict))
        if self.verdict.violations:
            for name, lines in self.logs.items():
                with open(os.path.join(folder, f"{name}.log"), "w") as log:
                    log.writelines(lines)
            with open(os.path.join(folder, "violations.txt"), "w") as text:
                text.write("\n".join(self.story()) + "\n")

    def result(self):
        """For the table of all stores."""
        operations = [o for o in self.history.operations if o.kind != "plain"]
        return {
            "store": self.name,
            "operations": len(operations),
            "faults": len({(fault.kind, fault.injected) for fault in self.history.faults}),
            "sessions": next(self.recorder.sessions) - 1,
            "recovery": max(self.recoveries, default=0.0),
            "violations": collections.Counter(violation.kind for violation in self.verdict.violations),
            "rows": list(self.rows()),
        }

    def rows(self):
        found = self.verdict
        operations = [o for o in self.history.operations if o.kind != "plain"]
        outcomes = collections.Counter(o.outcome for o in operations)
        plain = [o.answered - o.invoked for o in self.history.operations if o.kind == "plain"]
        faults = collections.Counter(kind for kind, _ in {(fault.kind, fault.injected) for fault in self.history.faults})
        yield "requests ok / refused / unknown", f"{outcomes['ok']} / {outcomes['failed']} / {outcomes['unknown']}"
        yield "requests without a session", f"{len(plain)}, the longest {max(plain, default=0):.2f} s"
        yield "faults", f"{sum(faults.values())}: " + ", ".join(f"{count} {kind}" for kind, count in sorted(faults.items()))
        orders = found.orders
        yield "sessions put into one order", (
            f"{orders['found']}, none for {orders['none']}, undecided {orders['undecided']}, "
            f"left out since replication may have lost a part {orders['left out']}"
        )
        yield "renewals side by side", f"{found.races} tokens"
        yield "looks past a limit", str(found.limits_reached)
        yield "ends of all of a user's sessions", str(
            sum(o.kind == "end-others" and o.outcome == "ok" for o in operations)
        )
        if any(fault.loses for fault in self.history.faults):
            yield "lost by replication", (
                f"{len(found.lost_appends)} appends, {len(found.lost_increments)} increments, "
                f"{len(found.lost_sessions)} sessions, {len(found.lost_ends)} ends or renewals"
            )
            yield "taken by a replaced primary", (
                f"{checks.last_loss(self.history, found):.2f} s after the new one was known, at the latest"
            )
            yield "stale reads while primaries changed", str(len(found.stale_reads))
        yield "longest answer during an outage", f"{checks.longest_answer(operations, self.history.faults):.2f} s"
        if self.recoveries:
            yield "recovery, median / longest", f"{statistics.median(self.recoveries):.2f} s / {max(self.recoveries):.2f} s"
        if self.history.near:
            yield "near cache, the stalest read", f"{found.stalest:.3f} s"
        if self.travel_times:
            yield "from one process to another", f"{max(self.travel_times):.3f} s at the longest"
        yield "the machine had no room for", f"{sum(s for _, s in self.history.stalls):.1f} s in all"
        kinds = collections.Counter(violation.kind for violation in found.violations)
        yield "violations", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "0"
