"""The servers of a comparison: the demo, and what people use elsewhere. All of them have the same three routes."""
import glob
import http.client
import os
import re
import socket
import subprocess
import sys
import time

from . import places
from .processes import ROOT, Failed, children, family_cpu_seconds, need, need_file, port_said_by, stop

SOURCES = os.path.join(ROOT, "Benchmarks", "Peers")
CORES = os.cpu_count()


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class Peer:
    """One server. `install` may take long and needs to be done once for all peers of a kind."""

    is_ours = False
    label = None
    setting = None

    def __init__(self, name):
        self.name = name
        self.running, self.log = [], None

    @classmethod
    def install(cls, folder, options):
        """Gets what it takes, and builds it."""

    @classmethod
    def versions(cls):
        return ""

    def start(self, folder, place):
        """Starts it with an empty place, and waits until it answers."""
        self.place = place
        place.clear()
        self.log = open(os.path.join(folder, "server.log"), "w+")
        self.port = free_port()
        self.launch(folder)
        deadline = time.monotonic() + 20
        while True:
            try:
                status, _, _ = self.request("GET", "/api/plain")
                if status == 200:
                    return
            except OSError:
                pass
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.running):
                self.log.seek(0)
                raise Failed(f"{self.name} does not start:\n{self.log.read()[-2000:]}")
            time.sleep(0.05)

    def launch(self, folder):
        raise NotImplementedError

    def run(self, *command, **options):
        self.running.append(subprocess.Popen(command, stdout=self.log, stderr=self.log, **options))

    def stop(self):
        for process in reversed(self.running):
            stop(process)
        self.running = []
        if self.log:
            self.log.close()

    def processes(self):
        first = [process.pid for process in self.running]
        return first + [child for process in first for child in children(process)]

    def cpu_seconds(self):
        return sum(family_cpu_seconds(process.pid) for process in self.running)

    def request(self, method, path, cookie=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={"Cookie": cookie} if cookie else {})
            response = connection.getresponse()
            return response.status, response.read(), response.getheader("Set-Cookie")
        finally:
            connection.close()

    def make_session(self):
        """Makes a session that has counted one. Returns its Cookie field."""
        status, _, cookie = self.request("POST", "/api/counter/n")
        if status != 200 or not cookie:
            raise Failed(f"{self.name}: no session: status {status}, Set-Cookie {'yes' if cookie else 'no'}")
        return cookie.partition(";")[0]

    def counted(self, cookie):
        status, body, _ = self.request("GET", "/api/values/n", cookie)
        if status != 200:
            raise Failed(f"{self.name}: the session is gone: status {status}")
        return int(body)


class Ours(Peer):
    is_ours = True
    label = "swift-sessions"
    setting = "session-demo, release build, defaults; a read may extend the session's life, and does so once per tenth of it"

    @classmethod
    def install(cls, folder, options):
        cls.demo = options.demo

    def launch(self, folder):
        process = subprocess.Popen(
            [self.demo, "--port", "0", "--insecure-cookies", "--store", self.place.address],
            stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.running.append(process)
        self.port = port_said_by(process)


class Go(Peer):
    packages = {}
    program = None

    @classmethod
    def install(cls, folder, options):
        need("go", "golang-go")
        for path, package in cls.packages.items():
            need_file(os.path.join("/usr/share/gocode/src", path), package)
        source = os.path.join(SOURCES, cls.program)
        cls.binary = os.path.join(folder, cls.program)
        # Debian's packages of Go sources are a GOPATH.
        environment = dict(
            os.environ, GO111MODULE="off", GOPATH="/usr/share/gocode", GOFLAGS="", GOCACHE=os.path.join(folder, "go")
        )
        subprocess.run(["go", "build", "-o", cls.binary, "."], cwd=source, env=environment, check=True)

    @classmethod
    def versions(cls):
        go = subprocess.run(["go", "version"], stdout=subprocess.PIPE, text=True).stdout.split()[2].removeprefix("go")
        return f"{cls.label} {debian_version(cls.packages[cls.main])}, Go {go}"

    def launch(self, folder):
        address = self.place.address
        if self.place.database:
            address = f"redis:{self.place.database.address.netloc}"
        self.run(self.binary, str(self.port), address)


class Gorilla(Go):
    label = "gorilla/sessions"
    setting = "net/http; FilesystemStore, and redistore with 32 connections"
    program = "gorilla"
    main = "github.com/gorilla/sessions"
    packages = {
        main: "golang-github-gorilla-sessions-dev",
        "github.com/boj/redistore": "golang-github-boj-redistore-dev",
    }


class Macaron(Go):
    label = "Macaron session"
    setting = "Macaron's middleware, which comes from Beego's, on the two routes with a session alone; 32 connections to Redis"
    program = "macaron"
    main = "github.com/go-macaron/session"
    packages = {main: "golang-github-go-macaron-session-dev"}


class PHP(Peer):
    label = "PHP"
    setting = ("php-fpm with OPcache, four workers for each core, behind nginx, since PHP's own server is for development; "
               "read with read_and_close; strict mode, as the manual asks for")
    locking = False

    @classmethod
    def install(cls, folder, options):
        need("nginx", "nginx-light")
        if not cls.fpm():
            need_file("/usr/sbin/php-fpm*", "php-fpm")
        need("php", "php-cli")
        need_file("/usr/lib/php/*/redis.so", "php-redis")

    @staticmethod
    def fpm():
        return next(iter(sorted(glob.glob("/usr/sbin/php-fpm*"), reverse=True)), None)

    @classmethod
    def versions(cls):
        php = subprocess.run(["php", "-r", "echo PHP_VERSION, ', php-redis ', phpversion('redis');"],
                             stdout=subprocess.PIPE, text=True).stdout
        return f"PHP {php}, nginx {debian_version('nginx-common')}"

    def launch(self, folder):
        user = "www-data" if os.geteuid() == 0 else None
        if user:
            # Their workers are somebody else.
            os.chmod(folder, 0o711)
            self.place.prepare_for(user)
        handler, path = "files", getattr(self.place, "path", "")
        if self.place.database:
            handler, path = "redis", f"tcp://{self.place.database.address.netloc}"
        path_of = {name: os.path.join(folder, name) for name in ("fpm.conf", "nginx.conf", "fpm.sock", "temporary")}
        os.makedirs(path_of["temporary"], exist_ok=True)
        with open(path_of["fpm.conf"], "w") as file:
            file.write(f"""[global]
error_log = /proc/self/fd/2
[peer]
{f'user = {user}' if user else ''}
listen = {path_of['fpm.sock']}
listen.mode = 0666
listen.backlog = 511
pm = static
pm.max_children = {4 * CORES}
clear_env = yes
php_admin_value[session.save_handler] = {handler}
php_admin_value[session.save_path] = "{path}"
php_admin_value[session.name] = session
php_admin_value[session.use_strict_mode] = 1
php_admin_value[session.cookie_httponly] = 1
php_admin_value[redis.session.locking_enabled] = {int(self.locking)}
php_admin_value[redis.session.lock_retries] = -1
php_admin_value[redis.session.lock_wait_time] = 2000
php_admin_value[redis.pconnect.pooling_enabled] = 1
php_admin_value[opcache.enable] = 1
php_admin_value[opcache.validate_timestamps] = 0
""")
        with open(path_of["nginx.conf"], "w") as file:
            file.write(f"""daemon off;
{f'user {user};' if user else ''}
worker_processes {CORES};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {path_of['temporary']}/body;
    proxy_temp_path {path_of['temporary']}/proxy;
    fastcgi_temp_path {path_of['temporary']}/fastcgi;
    uwsgi_temp_path {path_of['temporary']}/uwsgi;
    scgi_temp_path {path_of['temporary']}/scgi;
    upstream php {{ server unix:{path_of['fpm.sock']}; }}
    server {{
        listen 127.0.0.1:{self.port};
        location / {{
            fastcgi_pass php;
            fastcgi_param SCRIPT_FILENAME {SOURCES}/php/index.php;
            fastcgi_param SCRIPT_NAME $uri;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param REQUEST_URI $request_uri;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param SERVER_PROTOCOL $server_protocol;
        }}
    }}
}}
""")
        self.run(self.fpm(), "--nodaemonize", "--fpm-config", path_of["fpm.conf"])
        self.run("nginx", "-c", path_of["nginx.conf"], "-e", "stderr")


class LockingPHP(PHP):
    label = "PHP, locking"
    setting = "the same with redis.session.locking_enabled, which is off by default, and a look at the lock every 2 ms"
    locking = True


class Django(Peer):
    label = "Django"
    setting = ("the session middleware alone, under gunicorn: two workers for each core and one, eight threads each; SQLite with "
               "a write-ahead log, and redis-py with hiredis")
    packages = ["django", "gunicorn", "redis[hiredis]"]

    @classmethod
    def install(cls, folder, options):
        environment = os.path.join(ROOT, ".build-peers", "venv")
        cls.python = os.path.join(environment, "bin", "python")
        if not os.path.exists(cls.python):
            if subprocess.run([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL).returncode != 0:
                need_file("/usr/lib/python3*/ensurepip", "python3-venv")
            subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        modules = "import django, gunicorn, redis, hiredis"
        if subprocess.run([cls.python, "-c", modules], stderr=subprocess.DEVNULL).returncode != 0:
            subprocess.run([cls.python, "-m", "pip", "install", "--quiet", *cls.packages], check=True)

    @classmethod
    def versions(cls):
        names = "import django, gunicorn, redis; print(f'Django {django.__version__}, gunicorn {gunicorn.__version__}, " \
                "redis-py {redis.__version__}')"
        python = "%d.%d" % sys.version_info[:2]
        return subprocess.run([cls.python, "-c", names], stdout=subprocess.PIPE, text=True).stdout.strip() \
            + f", Python {python}"

    def launch(self, folder):
        address = self.place.address
        if self.place.database:
            address = f"redis:{self.place.database.address.netloc}"
        source = os.path.join(SOURCES, "django")
        environment = dict(os.environ, SESSIONS=address, PYTHONDONTWRITEBYTECODE="1")
        if not self.place.database:
            subprocess.run([self.python, "application.py"], cwd=source, env=environment, check=True)
        self.run(
            self.python, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", str(2 * CORES + 1),
            "--worker-class", "gthread", "--threads", "8", "--keep-alive", "75", "--log-level", "warning",
            "--worker-tmp-dir", "/dev/shm", "application:application", cwd=source, env=environment,
        )


def debian_version(package):
    """As upstream calls it, or of which day it is."""
    text = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], stdout=subprocess.PIPE, text=True).stdout
    day = re.search(r"git(\d{4})(\d\d)(\d\d)", text)
    return "of " + "-".join(day.groups()) if day else re.split("[-+]", text.rpartition(":")[2])[0]


# By where sessions are kept; in the order of the tables.
GROUPS = [
    ("Memory", places.Memory, [("memory", Ours), ("macaron-memory", Macaron)]),
    ("Files", places.Files, [("file", Ours), ("gorilla-file", Gorilla), ("macaron-file", Macaron), ("php-file", PHP)]),
    ("SQLite", places.SQLite, [("sqlite", Ours), ("django-sqlite", Django)]),
    ("Redis", places.Redis, [
        ("redis", Ours), ("gorilla-redis", Gorilla), ("macaron-redis", Macaron), ("php-redis", PHP),
        ("php-redis-locking", LockingPHP), ("django-redis", Django),
    ]),
    ("MariaDB", places.MySQL, [("mysql", Ours)]),
    ("PostgreSQL", places.PostgreSQL, [("postgres", Ours)]),
]
