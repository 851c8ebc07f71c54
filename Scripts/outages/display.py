"""What a person sees meanwhile: bars on a terminal, and lines now and then where there is none."""
import shutil
import sys
import threading
import time


class Display:
    BAR = 16
    SECONDS_PER_FRAME = 0.25
    # Where there is no terminal, so often a line for each store.
    SECONDS_PER_LINE = 10

    def __init__(self, seconds):
        self.seconds = seconds
        self.is_terminal = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.running = {}
        # When each store had its last line.
        self.told = {}
        self.drawn = 0
        self.drawn_at = 0.0

    def say(self, name, text):
        with self.lock:
            self.running.setdefault(name, None)
            self.write(f"{name:15} {text}")

    def progress(self, name, progress):
        with self.lock:
            self.running[name] = progress
            now = time.monotonic()
            if not self.is_terminal and now - self.told.setdefault(name, now) >= self.SECONDS_PER_LINE:
                self.told[name] = now
                self.write(f"{name:15} {self.figures(progress)}")

    def end(self, name, text):
        with self.lock:
            self.running.pop(name, None)
            self.write(f"{name:15} {text}")

    def figures(self, progress):
        text = f"{progress['seconds']:3.0f}/{self.seconds:g} s, {progress['operations']} requests, {progress['faults']} faults"
        return f"{text}, now {progress['fault']}" if progress["fault"] else text

    def draw(self):
        if not self.is_terminal or time.monotonic() - self.drawn_at < self.SECONDS_PER_FRAME:
            return
        self.drawn_at = time.monotonic()
        with self.lock:
            self.erase()
            width = shutil.get_terminal_size().columns
            for name, progress in self.running.items():
                progress = progress or {"seconds": 0, "operations": 0, "faults": 0, "fault": "starting"}
                share = min(1.0, progress["seconds"] / self.seconds)
                full = round(share * self.BAR)
                line = f"{name:15} [{'#' * full}{'-' * (self.BAR - full)}] {self.figures(progress)}"
                sys.stdout.write(line[:width - 1] + "\n")
                self.drawn += 1
            sys.stdout.flush()

    def write(self, line):
        self.erase()
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def erase(self):
        if self.drawn:
            # Up by so many lines, and away with all below.
            sys.stdout.write(f"\x1b[{self.drawn}A\x1b[J")
            self.drawn = 0

    def close(self):
        with self.lock:
            self.erase()
            sys.stdout.flush()
