"""Processes, and what the system counts of them."""
import glob
import os
import re
import shlex
import signal
import subprocess

SCRIPTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(SCRIPTS)
TICKS = os.sysconf("SC_CLK_TCK")


RELEASE = os.path.join(ROOT, ".build-release", "release")


class Failed(Exception):
    pass


def need(command, package):
    """Installs a Debian package unless the command is there."""
    script = f". {shlex.quote(os.path.join(SCRIPTS, 'need.sh'))}; need {shlex.quote(command)} {shlex.quote(package)}"
    if subprocess.run(["bash", "-c", script], stdout=subprocess.DEVNULL).returncode != 0:
        raise Failed(f"{command} is missing: apt-get install {package}")


def need_file(pattern, package):
    """Installs a Debian package unless there is a file that matches."""
    if not glob.glob(pattern):
        script = f". {shlex.quote(os.path.join(SCRIPTS, 'need.sh'))}; install_package {shlex.quote(pattern)} {shlex.quote(package)}"
        subprocess.run(["bash", "-c", script], stdout=subprocess.DEVNULL)
    if not glob.glob(pattern):
        raise Failed(f"{pattern} is missing: apt-get install {package}")


def cpu_seconds(process, with_ended_children=False):
    """User and system time of all threads of a process."""
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return sum(map(int, fields[11:15 if with_ended_children else 13])) / TICKS


def children(process):
    """The processes that it has started and that still run."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                with open(f"/proc/{name}/stat") as file:
                    if int(file.read().rpartition(")")[2].split()[1]) == process:
                        found.append(int(name))
            except OSError:
                # It has just ended.
                pass
    return found


def family_cpu_seconds(process):
    """The same with all its children: those that have ended are counted with the first one."""
    total = cpu_seconds(process, with_ended_children=True)
    for child in children(process):
        try:
            total += cpu_seconds(child)
        except OSError:
            pass
    return total


def resources(process):
    """Resident bytes, threads, descriptors and sockets of a process."""
    with open(f"/proc/{process}/status") as file:
        status = dict(line.split(":", 1) for line in file)
    folder = f"/proc/{process}/fd"
    kinds = []
    for name in os.listdir(folder):
        try:
            kinds.append(os.readlink(f"{folder}/{name}"))
        except OSError:
            # Closed meanwhile, or the one that lists this folder.
            pass
    return {
        "resident": int(status["VmRSS"].split()[0]) * 1024,
        "threads": int(status["Threads"]),
        "descriptors": len(kinds),
        "connections": sum(kind.startswith("socket:") for kind in kinds),
    }


def stop(process, patience=10):
    """Asks a process of ours to end, and ends it if it does not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def port_said_by(process):
    """The port that a server names in its first line."""
    line = process.stdout.readline()
    match = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
    if not match:
        process.kill()
        process.wait()
        raise Failed(f"{process.args[0]} does not say where it listens: {line!r}")
    return int(match[1])


def build(*products):
    """Builds what is measured, as releases, in .build-release."""
    for product in products:
        subprocess.run(
            ["swift", "build", "-c", "release", "--package-path", "Benchmarks/HTTP", "--scratch-path", ".build-release",
             "--product", product],
            cwd=ROOT, check=True,
        )
