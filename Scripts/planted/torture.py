"""Processes under load and faults, on one store: Scripts/torture, and what kills a writer of files."""
import os
import re
import signal
import subprocess

# How long a store is tortured for one bug. What is to be seen is seen within seconds, or by luck.
SECONDS = 20
# Beside that: for starting servers, the last fault, and the checks.
SECONDS_AROUND = 240


# As many kills hit even what is in danger for a microsecond of each commit.
KILLS = 300


def run(build, bug, store):
    """What is found first, or None."""
    if store == "file":
        found = kill_writer(build, bug)
        if found:
            return found
    if bug and bug.is_near:
        store += "-near"
    return torture(build.tree, build.product("session-demo"), bug, store) if can_torture(build) else None


def can_torture(build):
    """Whether there is a demo. Without its trait there is a program of that name, which does nothing."""
    return "Hummingbird" in build.traits


def kill_writer(build, bug):
    script = os.path.join(build.tree, "Scripts/check-file-store-kill")
    result = subprocess.run(
        [script, str(KILLS), build.product("file-store-writer")], env=environment(bug),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600,
    )
    if result.returncode == 0:
        return None
    return f"killed while writing: {' '.join(result.stderr.split())}"


def environment(bug):
    variables = {name: value for name, value in os.environ.items() if name != "SESSIONS_PLANTED_BUG"}
    if bug:
        variables["SESSIONS_PLANTED_BUG"] = bug.name
    return variables


def torture(tree, demo, bug, store, seconds=SECONDS):
    """What the checks object to first, or None."""
    process = subprocess.Popen(
        [os.path.join(tree, "Scripts/torture"), store, "--seconds", str(seconds), demo],
        cwd=tree, env=environment(bug), start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds + SECONDS_AROUND)
    except subprocess.TimeoutExpired:
        # It stops its servers and processes itself.
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        return "never ends"
    if process.returncode == 0:
        return None
    objection = re.search(r"^FAILED\s+(.+)$", output, re.MULTILINE)
    return objection[1] if objection else f"ends with status {process.returncode}: {output.strip().splitlines()[-1:]}"
