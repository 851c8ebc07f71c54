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
        self.failed = sum(
            int(number) for pattern in (r"Non-2xx or 3xx responses: (\d+)", r"Socket errors: connect (\d+), read (\d+), "
                                        r"write (\d+), timeout (\d+)")
            for number in (re.search(pattern, output) or re.match("", "")).groups()
        )
        self.p50, self.p99 = (self.latency(output, part) for part in (50, 99))

    @staticmethod
    def latency(output, part):
        number, unit = re.search(rf"{part}%\s+([\d.]+)(us|ms|s)", output).groups()
        return float(number) * UNITS[unit]


def run(name, url, script, seconds, cpu_seconds, database=None, connections=CONNECTIONS, may_fail=False):
    """Runs wrk once with a script of its own. A request that fails is an error, unless it is to be counted."""
    before = cpu_seconds()
    database_before = database.cpu_seconds() if database else 0
    output = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s", "-s", script, url],
        capture_output=True, text=True, timeout=seconds + 60, check=True,
    ).stdout
    cpu = cpu_seconds() - before
    database_cpu = database.cpu_seconds() - database_before if database else 0
    sample = Sample(output, cpu, database_cpu)
    if sample.failed and not may_fail:
        raise Failed(f"{name}: requests failed\n{output}")
    return sample


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


def count_up(url, cookie, folder, updates, patience):
    """Sends exactly so many updates to one session, 32 at a time. Returns how many were answered with 200, and how many
    not."""
    script = write(folder, f"""
local sent, acknowledged, refused = 0, 0, 0
local update, plain
init = function(args)
  update = wrk.format("POST", "/api/counter/n", {{["Cookie"] = "{cookie}"}}, "")
  plain = wrk.format("GET", "/api/plain")
end
request = function()
  -- The first one is only looked at by wrk, and not sent. What follows the last passes the time until that is answered.
  sent = sent + 1
  return sent <= {updates} + 1 and update or plain
end
response = function(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
  elseif body:find("value", 1, true) then
    acknowledged = acknowledged + 1
  end
  if acknowledged + refused >= {updates} then
    print("answers: " .. acknowledged .. " " .. refused)
    io.stdout:flush()
    os.exit(0)
  end
end
""")
    output = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{patience}s", "--timeout", "60s", "-s", script, url],
        capture_output=True, text=True, timeout=patience + 90,
    ).stdout
    found = re.search(r"answers: (\d+) (\d+)", output)
    if not found:
        raise Failed(f"{url}: {updates} updates of one session take more than {patience} s")
    return tuple(map(int, found.groups()))
