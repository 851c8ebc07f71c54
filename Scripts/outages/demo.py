"""Processes of the demo."""
import os
import re
import signal
import subprocess

from outages.deployment import Trouble


class Demo:
    """One process of the demo."""

    def __init__(self, binary, folder, name, url, near_cache=False, options=(), way=None):
        """`way` is told the port at each start, and gives the one that clients connect to."""
        self.name = name
        self.folder = folder
        self.log = os.path.join(folder, f"{name}.log")
        self.arguments = [binary, "--port", "0", "--insecure-cookies", "--store", url]
        if near_cache:
            self.arguments.append("--near-cache")
        self.arguments += options
        self.way = way
        # Counts its lives, and how often its clients were cut off.
        self.life = 0
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C is for this program, which then stops the demo.
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, cwd=self.folder,
                start_new_session=True,
            )
        # Ends at the latest when the demo has given up the store, after 5 seconds.
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+)\n", line)
        if not match:
            self.stop()
            raise Trouble(f"the demo does not start: {line!r} {self.end_of_log()}")
        self.port = int(match[1])
        if self.way:
            self.port = self.way(self.port)
        self.life += 1

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def end_of_log(self):
        with open(self.log, errors="replace") as log:
            lines = log.readlines()
        # Of a crash what tells most is not at the end.
        for index, line in enumerate(lines):
            if "Fatal error" in line or line.rstrip().endswith(" crashed:"):
                lines = lines[index:index + 15]
                break
        return "".join(lines[-15:])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.send_signal(signal.SIGCONT)
            try:
                self.process.wait(timeout=8)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()


def understands(binary, scheme):
    """Whether the demo was built with the store: it says so in its error."""
    result = subprocess.run(
        [binary, "--store", f"{scheme}://127.0.0.1:1/x?nonsense=1"], capture_output=True, text=True, timeout=20
    )
    return "no provider is registered" not in result.stderr
