"""wrk, and what it says."""
import os
import re
import subprocess

from .databases import CONNECTIONS
from .processes import Failed

UNITS = {"us": 0.001, "ms": 1, "s": 1000}


class Sample:
    """One run: CPU microseconds per request of the server and of the database, requests per second, and the median and the
    99th percentile of the latency in milliseconds."""

    def __init__(self, output, cpu, database_cpu):
        self.requests = int(re.search(r"(\d+) requests in", output)[1])
        if not self.requests:
            raise Failed(f"no request was answered\n{output}")
        self.rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
        self.cpu = cpu * 1e6 / self.requests
        self.database_cpu = database_cpu * 1e6 / self.requests
        self.p50, self.p99 = (self.latency(output, part) for part in (50, 99))

    @staticmethod
    def latency(output, part):
        number, unit = re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", output).groups()
        return float(number) * UNITS[unit]


def run(name, url, script, seconds, cpu_seconds, database=None, connections=CONNECTIONS):
    """Runs wrk once with a script of its own. A request that fails is an error."""
    before = cpu_seconds()
    database_before = database.cpu_seconds() if database else 0
    output = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s", "-s", script, url],
        capture_output=True, text=True, timeout=seconds + 60, check=True,
    ).stdout
    cpu = cpu_seconds() - before
    database_cpu = database.cpu_seconds() - database_before if database else 0
    if "Non-2xx" in output or "Socket errors" in output:
        raise Failed(f"{name}: requests failed\n{output}")
    return Sample(output, cpu, database_cpu)


def write(folder, text):
    """Writes a script for wrk; returns its path."""
    path = os.path.join(folder, "wrk.lua")
    with open(path, "w") as file:
        file.write(text)
    return path


def in_turn(method, path, cookies):
    """A wrk script that goes through the sessions in turn."""
    body = '"1"' if method == "PUT" else '""'
    lines = ["local requests = {}", "local turn = 0", "init = function(args)", '  local body = ' + body]
    for cookie in cookies or [None]:
        headers = f'{{["Cookie"] = "{cookie}"}}' if cookie else "{}"
        lines.append(f'  requests[#requests + 1] = wrk.format("{method}", "{path}", {headers}, body)')
    lines += [
        "end",
        "request = function()",
        "  turn = turn % #requests + 1",
        "  return requests[turn]",
        "end",
    ]
    return "\n".join(lines) + "\n"
