"""The database servers of a run, and what the least that one can ask of them costs them."""
import os
import re
import shlex
import socket
import statistics
import subprocess
import tempfile
import urllib.parse

from .processes import ROOT, Failed, cpu_seconds, family_cpu_seconds

CONNECTIONS = 32


class Database:
    """A server of this run's own."""

    service = None
    variable = None
    # How many rows the reference spreads over, if that matters: updates of few rows wait for each other's pages and locks.
    rows = None

    def __init__(self, folder):
        # In the address of a socket there is little room.
        self.environment = dict(os.environ, SESSIONS_SERVICES_DIR=os.path.join(folder, self.service))
        lines = self.services("start", self.service)
        values = dict(shlex.split(line)[1].split("=", 1) for line in lines.splitlines() if line.startswith("export "))
        self.url = values[f"{self.variable}_URL"]
        self.address = urllib.parse.urlsplit(self.url)
        self.process = int(values[f"{self.variable}_PID"])
        # Of each round.
        self.samples = []
        self.prepare()

    def prepare(self):
        """Puts there what the references read and write."""

    def services(self, *arguments):
        return subprocess.run(
            [os.path.join(ROOT, "Scripts", "services"), *arguments],
            env=self.environment, stdout=subprocess.PIPE, text=True, check=True,
        ).stdout

    def stop(self):
        self.services("stop")

    def cpu_seconds(self):
        return cpu_seconds(self.process)

    def cost(self, command, environment=None):
        """The server's CPU microseconds for each of the things that a program does to it and counts."""
        before = self.cpu_seconds()
        output = subprocess.run(
            command, env=dict(os.environ, **(environment or {})), stdout=subprocess.PIPE, text=True, check=True, timeout=300
        ).stdout
        return (self.cpu_seconds() - before) * 1e6 / self.count(output)

    def measure(self, seconds):
        """What each workload is compared with: its name, and its cost."""
        raise NotImplementedError

    def references(self):
        """The medians of the rounds."""
        return {
            workload: (name, statistics.median(sample[workload][1] for sample in self.samples))
            for workload, (name, _) in self.samples[0].items()
        }


class Redis(Database):
    service = "redis"
    variable = "SESSIONS_REDIS"
    GETS = 200_000

    def count(self, output):
        return self.GETS

    def ask(self, command):
        """Sends one command over a connection of its own; returns the text of the reply."""
        with socket.create_connection(("127.0.0.1", self.address.port), timeout=30) as connection:
            connection.sendall(command.encode() + b"\r\n")
            with connection.makefile("rb") as replies:
                line = replies.readline().decode().rstrip()
                if line[:1] == "-":
                    raise Failed(f"Redis: {command}: {line[1:]}")
                return replies.read(int(line[1:])).decode() if line[:1] == "$" else line[1:]

    def info(self):
        return dict(line.split(":", 1) for line in self.ask("INFO").splitlines() if ":" in line)

    @property
    def command(self):
        return ["redis-benchmark", "-p", str(self.address.port), "-c", "32", "-P", "1", "-d", "300", "-q"]

    def prepare(self):
        subprocess.run(self.command + ["-n", "1000", "-t", "set"], stdout=subprocess.DEVNULL, check=True)

    def measure(self, seconds):
        """One GET of 300 bytes, 32 clients without pipelining."""
        get = "GET", self.cost(self.command + ["-n", str(self.GETS), "-t", "get"])
        return {"W1": get, "W2": get, "W3": get}


class MariaDB(Database):
    service = "mariadb"
    variable = "SESSIONS_MYSQL"
    rows = 10_000

    def count(self, output):
        return int(re.search(r"total number of events:\s+(\d+)", output)[1])

    def sysbench(self, test, *more):
        return [
            "sysbench", test, "--db-driver=mysql", f"--mysql-host={self.address.hostname}",
            f"--mysql-port={self.address.port}", f"--mysql-user={self.address.username}",
            f"--mysql-password={urllib.parse.unquote(self.address.password)}", f"--mysql-db={self.address.path[1:]}",
            "--tables=1", f"--table-size={self.rows}", f"--threads={CONNECTIONS}", *more,
        ]

    def prepare(self):
        subprocess.run(self.sysbench("oltp_point_select", "prepare"), stdout=subprocess.DEVNULL, check=True)

    def measure(self, seconds):
        select = self.cost(self.sysbench("oltp_point_select", f"--time={seconds}", "run"))
        update = self.cost(self.sysbench("oltp_update_non_index", f"--time={seconds}", "run"))
        return {"W1": ("SELECT, UPDATE", select + update), "W2": ("SELECT", select)}


class PostgreSQL(Database):
    service = "postgres"
    variable = "SESSIONS_POSTGRES"
    rows = 10_000

    def cpu_seconds(self):
        return family_cpu_seconds(self.process)

    def count(self, output):
        return int(re.search(r"number of transactions actually processed: (\d+)", output)[1])

    @property
    def login(self):
        return {"PGPASSWORD": urllib.parse.unquote(self.address.password), "PGSSLMODE": "disable"}

    def pgbench(self, *more):
        where = ["-h", self.address.hostname, "-p", str(self.address.port), "-U", self.address.username]
        return ["pgbench", *more, *where, self.address.path[1:]]

    def prepare(self):
        subprocess.run(
            self.pgbench("--initialize", "--quiet"), env=dict(os.environ, **self.login), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=True,
        )

    def measure(self, seconds):
        def cost(statement):
            with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
                script.write(f"\\set aid random(1, {self.rows})\n{statement} WHERE aid = :aid;\n")
                script.flush()
                options = ["-n", "-M", "prepared", "-c", str(CONNECTIONS), "-T", str(seconds), "-f", script.name]
                return self.cost(self.pgbench(*options), self.login)

        select = cost("SELECT abalance FROM pgbench_accounts")
        update = cost("UPDATE pgbench_accounts SET abalance = abalance + 1")
        return {"W1": ("SELECT, UPDATE", select + update), "W2": ("SELECT", select)}


DATABASES = {"redis": Redis, "mysql": MariaDB, "postgres": PostgreSQL}
