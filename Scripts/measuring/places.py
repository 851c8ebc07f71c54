"""Where the servers of a comparison keep sessions, and what these take there."""
import os
import shutil
import sqlite3
import subprocess
import urllib.parse

from .processes import resources


class Memory:
    """The server's own memory."""

    database = None
    address = "memory:"

    def __init__(self, folder, databases):
        pass

    def clear(self):
        """Makes it as it was: empty."""

    def prepare_for(self, user):
        """Lets the server's user write there."""

    def size(self, server):
        """Bytes; what is there without a session is taken off by whoever asks."""
        return sum(resources(process)["resident"] for process in server.processes())


class Files(Memory):
    def __init__(self, folder, databases):
        self.path = os.path.join(folder, "sessions")

    @property
    def address(self):
        return f"file:{self.path}"

    def clear(self):
        shutil.rmtree(self.path, ignore_errors=True)
        os.mkdir(self.path, 0o700)

    def prepare_for(self, user):
        shutil.chown(self.path, user)

    def size(self, server):
        """What they take of the disk, in whole blocks."""
        return 512 * sum(
            os.stat(os.path.join(folder, name)).st_blocks for folder, _, names in os.walk(self.path) for name in names
        )


class SQLite(Memory):
    def __init__(self, folder, databases):
        self.folder = os.path.join(folder, "sqlite")
        self.path = os.path.join(self.folder, "sessions.sqlite")

    @property
    def address(self):
        return f"sqlite:{self.path}"

    def clear(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder, 0o700)

    def size(self, server):
        """Without the log, whose pages are in the file as well before long."""
        with sqlite3.connect(self.path, timeout=30) as database:
            pages, free, size = (
                database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
        database.close()
        return (pages - free) * size


class Server(Memory):
    """A database server."""

    kind = None

    def __init__(self, folder, databases):
        self.database = databases(self.kind)
        self.address = self.database.url


class Redis(Server):
    kind = "redis"

    def clear(self):
        self.database.ask("FLUSHALL")

    def size(self, server):
        """Without what it sets aside for its clients."""
        info = self.database.info()
        return int(info["used_memory"]) - int(info["mem_clients_normal"])


class MySQL(Server):
    kind = "mysql"

    def size(self, server):
        address = self.database.address
        output = subprocess.run(
            ["mariadb", "--no-defaults", "-h", address.hostname, "-P", str(address.port), "-u", address.username, "-N", "-B",
             address.path[1:], "-e", "ANALYZE TABLE sessions; SELECT SUM(data_length + index_length) "
             "FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'sessions'"],
            env=dict(os.environ, MYSQL_PWD=urllib.parse.unquote(address.password)), stdout=subprocess.PIPE, text=True,
            check=True,
        ).stdout
        return int(output.split()[-1])


class PostgreSQL(Server):
    kind = "postgres"

    def size(self, server):
        return int(subprocess.run(
            ["psql", "-X", "-A", "-t", "-c", "SELECT pg_total_relation_size('sessions')", self.database.url],
            env=dict(os.environ, PGSSLMODE="disable"), stdout=subprocess.PIPE, text=True, check=True,
        ).stdout)
