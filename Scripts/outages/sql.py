"""MariaDB and PostgreSQL: one server, which loses nothing that it has acknowledged."""
import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.parse

from outages.deployment import Deployment, ServerError, wait_until, with_port
from outages.history import Fault


class SQLServer(Deployment):
    faults = (
        "kill the server", "pause the server", "close all connections", "leave no connection", "lock the tables",
        "kill a process", "pause a process", "kill the server and a process",
    )
    has_one_address = True
    # Of the variables of Scripts/services.
    kind = None

    def prepare(self):
        [self.port] = self.servers
        # An operation, and the look-up of what became of it, within the longest answer that the checks allow.
        self.url = self.variables[f"SESSIONS_{self.kind}_URL"] + "?timeout=1200ms"
        self.admin_url = self.variables[f"SESSIONS_{self.kind}_ADMIN_URL"]

    def url_by(self, port):
        return with_port(self.url, port)

    # MARK: As an administrator

    def command(self):
        """The client program, which reads statements, and its environment."""
        raise NotImplementedError

    def ask(self, statements, seconds=10):
        """Gives the lines of the answer."""
        arguments, environment = self.command()
        try:
            result = subprocess.run(
                arguments, env=dict(os.environ, **environment), input=statements, capture_output=True, text=True,
                timeout=seconds, start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            raise ServerError(f"{self.service} does not answer") from None
        if result.returncode != 0:
            raise ServerError(result.stderr.strip())
        return result.stdout.split("\n")[:-1]

    def answers(self):
        return self.ask("SELECT 1;\n") == ["1"]

    def close_connections(self):
        """Those of the demo. Gives how many there were."""
        raise NotImplementedError

    # MARK: Faults

    def kill_the_server(self, kind="kill the server", process=None):
        injected = time.monotonic()
        name = self.servers[self.port][0]
        self.services("kill", name)
        if process is not None:
            self.demos[process].kill()
        silent_from = time.monotonic()
        seconds = self.wait(0, 2.0)
        silent = (silent_from, time.monotonic())
        self.restart_server(self.port)
        if process is not None:
            self.demos[process].start()
        fault = Fault(kind, injected, time.monotonic(), silent=silent, process=process)
        return fault, f"down for {seconds:.1f} s and the restart"

    def kill_the_server_and_a_process(self):
        return self.kill_the_server("kill the server and a process", self.random.randrange(len(self.demos)))

    def pause_the_server(self):
        injected = time.monotonic()
        name = self.servers[self.port][0]
        self.services("pause", name)
        silent_from = time.monotonic()
        seconds = self.wait(0.3, 2.5)
        silent = (silent_from, time.monotonic())
        self.services("resume", name)
        return Fault("pause the server", injected, time.monotonic(), silent=silent), f"for {seconds:.1f} s"

    def close_all_connections(self):
        injected = time.monotonic()
        times = self.random.randint(1, 5)
        count = 0
        for _ in range(times):
            count += self.close_connections()
            self.wait(0, 0.2)
        return Fault("close all connections", injected, time.monotonic()), f"{count} of them, in {times} turns"

    def lock_the_tables(self):
        """Nothing can be written while somebody else works on the tables."""
        seconds = self.random.uniform(0.5, 3)
        injected = time.monotonic()
        try:
            self.lock(seconds)
            told = f"for {seconds:.1f} s"
        except ServerError as error:
            told = f"in vain: {error}"
        return Fault("lock the tables", injected, time.monotonic()), told

    def leave_no_connection(self):
        """The demo's connections are closed, and it gets no new ones for a while."""
        injected = time.monotonic()
        with self.refusing_connections():
            seconds = self.wait(0.3, 2.5)
        return Fault("leave no connection", injected, time.monotonic()), f"for {seconds:.1f} s"


class MariaDB(SQLServer):
    service = "mariadb"
    kind = "MYSQL"
    LEAST = 10

    def command(self):
        url = urllib.parse.urlsplit(self.admin_url)
        return [
            "mariadb", "--no-defaults", "--protocol=tcp", f"--host={url.hostname}", f"--port={url.port}",
            f"--user={url.username}", "--batch", "--skip-column-names", "--unbuffered", "--force", url.path[1:],
        ], {"MYSQL_PWD": url.password}

    def ask(self, statements, seconds=10):
        try:
            return super().ask(statements, seconds)
        except ServerError as error:
            # One that has ended meanwhile.
            if "Unknown thread id" in str(error):
                return []
            raise

    def close_connections(self):
        ids = self.ask("SELECT id FROM information_schema.processlist WHERE user = 'app';\n")
        self.ask("".join(f"KILL {id};\n" for id in ids))
        return len(ids)

    def lock(self, seconds):
        self.ask(f"FLUSH TABLES WITH READ LOCK; SELECT SLEEP({seconds:.3f}); UNLOCK TABLES;\n", seconds + 10)

    @contextlib.contextmanager
    def refusing_connections(self):
        """Others have all there are: the fewest that one may set, without saying who they are."""
        held = []
        arguments, environment = self.command()
        # One more than the most may be there, and only an administrator's. It stays.
        with subprocess.Popen(
            arguments, env=dict(os.environ, **environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, start_new_session=True,
        ) as session:
            def ask(statement):
                session.stdin.write(f"{statement};\nSELECT 'end';\n")
                session.stdin.flush()
                return list(iter(lambda: session.stdout.readline().rstrip("\n") or "end", "end"))

            try:
                [before] = ask("SELECT @@max_connections")
                for _ in range(self.LEAST):
                    held.append(socket.create_connection(("127.0.0.1", self.port), timeout=5))
                    held[-1].recv(1)
                ask(f"SET GLOBAL max_connections = {self.LEAST}")
                for id in ask("SELECT id FROM information_schema.processlist WHERE user = 'app'"):
                    ask(f"KILL {id}")
                yield
            finally:
                ask(f"SET GLOBAL max_connections = {before}")
                for connection in held:
                    connection.close()
                session.stdin.close()


class PostgreSQL(SQLServer):
    service = "postgres"
    kind = "POSTGRES"
    faults = (*SQLServer.faults, "kill a process of the server")

    def command(self):
        return ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", self.admin_url], {}

    def close_connections(self):
        return len(self.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app';\n"))

    def lock(self, seconds):
        tables = self.ask("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public';\n")
        self.ask(
            f"BEGIN; LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds:.3f}); COMMIT;\n",
            seconds + 10,
        )

    @contextlib.contextmanager
    def refusing_connections(self):
        self.ask("ALTER ROLE app CONNECTION LIMIT 0;\n")
        try:
            self.close_connections()
            yield
        finally:
            self.ask("ALTER ROLE app CONNECTION LIMIT -1;\n")

    def kill_a_process_of_the_server(self):
        """All others of the server end then, and it recovers."""
        processes = self.ask("SELECT pid FROM pg_stat_activity WHERE usename = 'app' ORDER BY pid;\n")
        injected = time.monotonic()
        if processes:
            os.kill(int(self.random.choice(processes)), signal.SIGKILL)
            # Before it has noticed, it would answer as ever.
            self.wait(0.1, 0.2)
        wait_until("the server has recovered", self.answers, 20)
        fault = Fault("kill a process of the server", injected, time.monotonic())
        return fault, f"one of {len(processes)}; well again after {fault.healthy - injected:.1f} s"


class NearPostgreSQL(PostgreSQL):
    """With a near cache in one of the two processes: what the other one changes is announced all the same."""

    has_near_cache = True
