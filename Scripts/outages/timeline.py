"""A picture of a run: what clients got every 100 ms, what was done to the servers, and when all was well again."""
import math
from xml.sax.saxutils import escape

from outages import checks

WIDTH, LEFT, RIGHT = 1280, 64, 24
# Longer runs are drawn in several rows.
SECONDS_PER_ROW = 90
CHART = 220
STRIP = 26
LANE = 17
# What a letter of a label takes at the most, in the size that labels have.
LETTER = 5.9
STEP = 0.1

OUTCOMES = (
    ("ok", "#3f7fbf", "answered"),
    ("failed", "#e0a030", "refused, as it must be"),
    ("unknown", "#c8323c", "no answer, or 503"),
)
INK, PALE, BAND, BAND_EDGE, GOOD = "#24292f", "#6a737d", "#f1e3e4", "#d9b3b6", "#2e8540"


class Picture:
    def __init__(self, name, history, began, loaded_until, verdict):
        self.name = name
        self.loaded_until = loaded_until
        self.history = history
        self.began = began
        self.verdict = verdict
        operations = [o for o in history.operations if o.kind != "plain"]
        self.operations = operations
        self.all_seconds = max([1.0, *(o.answered - began for o in operations)])
        self.rows = math.ceil(self.all_seconds / SECONDS_PER_ROW)
        # Of the row that is being drawn: how long it is, and when it begins.
        self.seconds = math.ceil(self.all_seconds / self.rows / STEP) * STEP
        self.first = began
        self.all_faults = self.unite(history.faults)
        self.parts = []

    @staticmethod
    def unite(faults):
        """Those of several processes at once are one."""
        united = {}
        for fault in sorted(faults, key=lambda f: f.injected):
            united.setdefault((fault.kind, fault.injected), fault)
        return list(united.values())

    def x(self, time):
        share = min(max(time - self.first, 0.0), self.seconds) / self.seconds
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def add(self, text):
        self.parts.append(text)

    def text(self, x, y, text, size=12, fill=INK, anchor="start", weight="normal"):
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" text-anchor="{anchor}" '
                 f'font-weight="{weight}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, stroke, width=1.0, more=""):
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
                 f'stroke-width="{width}" {more}/>')

    def rectangle(self, x, y, width, height, fill, more=""):
        self.add(f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}" {more}/>')

    def draw(self):
        self.title()
        self.count()
        height = 46
        for row in range(self.rows):
            self.first = self.began + row * self.seconds
            self.faults = [f for f in self.all_faults if f.healthy >= self.first and f.injected < self.first + self.seconds]
            height = self.draw_row(height)
        self.height = height + 26
        self.legend(self.height - 14)
        style = 'font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif"'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
            f'height="{self.height}" {style}>\n<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(self.parts) + "\n</svg>\n"
        )

    def draw_row(self, y):
        """Gives where the next one begins."""
        lanes = self.place_labels(y)
        top = y + 16 + LANE * (1 + max((lane for _, lane, _ in lanes), default=0))
        bottom = top + CHART
        foot = bottom + STRIP * 2 + 8
        self.bands(lanes, y, top, foot)
        self.columns(top, bottom)
        self.strips(bottom)
        x = self.x(self.loaded_until)
        if LEFT < x < WIDTH - RIGHT:
            self.line(x, top, x, foot, PALE, 0.8, 'stroke-dasharray="3 3"')
            self.text(x - 5, top + 13, "the load ends; every session is looked at", 11, PALE, "end")
        self.axis(foot)
        return foot + 34

    def title(self):
        self.text(LEFT, 26, self.name, 18, weight="bold")
        violations = len(self.verdict.violations)
        told = "no violation" if violations == 0 else f"{violations} violation{'s' if violations > 1 else ''}"
        width = 11 * len(self.name) + 16
        self.text(LEFT + width, 26, f"{len(self.operations)} requests with a session, {len(self.all_faults)} faults, {told}",
                  13, PALE if violations == 0 else OUTCOMES[2][1])

    # MARK: Faults

    def place_labels(self, y):
        """For each fault the lane of its label, and where it begins: the first lane that has room."""
        ends = []
        placed = []
        for fault in self.faults:
            width = LETTER * len(fault.kind) + 10
            x = min(self.x(fault.injected), WIDTH - RIGHT - width)
            lane = next((index for index, end in enumerate(ends) if end <= x), len(ends))
            if lane == len(ends):
                ends.append(0)
            ends[lane] = x + width
            placed.append((fault, lane, x))
        return placed

    def bands(self, lanes, first, top, bottom):
        for fault, _, _ in lanes:
            x, end = self.x(fault.injected), self.x(fault.healthy)
            self.rectangle(x, top, max(1.5, end - x), bottom - top, BAND)
        for fault, lane, x in lanes:
            at = self.x(fault.injected)
            y = first + 12 + lane * LANE
            self.line(at, y + 3, at, bottom, BAND_EDGE, 0.8)
            if x < at - 1:
                self.line(x + LETTER * len(fault.kind), y - 4, at, y + 3, BAND_EDGE, 0.8)
            self.text(x + 2, y, fault.kind, 11)

    # MARK: Requests

    def count(self):
        """How many answers of each kind came in each step of time, and up to which figure the rows go."""
        count = int(self.all_seconds / STEP) + 1
        self.heights = {name: [0] * count for name, _, _ in OUTCOMES}
        for o in self.operations:
            self.heights[o.outcome][min(count - 1, int((o.answered - self.began) / STEP))] += 1
        totals = [sum(self.heights[name][index] for name, _, _ in OUTCOMES) for index in range(count)]
        # Now and then a backlog is answered at once: such columns may be cut off.
        ordered = sorted(totals)
        highest = max(1, min(ordered[-1], int(ordered[int(len(ordered) * 0.995)] * 1.15) + 1))
        self.scale = self.nice(highest)
        self.most = math.ceil(highest / self.scale) * self.scale

    def columns(self, top, bottom):
        scale, most = self.scale, self.most
        for value in range(0, most + 1, scale):
            y = bottom - value / most * CHART
            self.line(LEFT, y, WIDTH - RIGHT, y, "#d8dee4", 0.6)
            self.text(LEFT - 8, y + 4, str(value), 11, PALE, "end")
        self.add(f'<text transform="translate(18 {(top + bottom) / 2:.0f}) rotate(-90)" font-size="12" fill="{PALE}" '
                 f'text-anchor="middle">answers per 100 ms</text>')
        width = (WIDTH - LEFT - RIGHT) / (self.seconds / STEP)
        begin = round((self.first - self.began) / STEP)
        for index in range(begin, min(begin + round(self.seconds / STEP), len(self.heights["ok"]))):
            base = 0
            # What went wrong stands at the bottom, where it is seen.
            for name, color, _ in reversed(OUTCOMES):
                value = min(self.heights[name][index], most - base)
                if value > 0:
                    height = value / most * CHART
                    x = self.x(self.began + index * STEP)
                    self.rectangle(x, bottom - base / most * CHART - height, max(0.8, width * 0.92), height, color)
                base += value

    @staticmethod
    def nice(highest):
        for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
            if highest / step <= 6:
                return step
        return 2000

    def strips(self, bottom):
        """Each failure as a tick, and for each fault how long some failed after it was over."""
        y = bottom + 8
        self.text(LEFT - 8, y + 13, "failures", 11, PALE, "end")
        end = self.first + self.seconds
        ticks = sorted({
            round(self.x(o.answered) * 2) / 2 for o in self.operations
            if o.outcome == "unknown" and self.first <= o.answered <= end
        })
        for x in ticks:
            self.line(x, y + 2, x, y + STRIP - 8, OUTCOMES[2][1], 0.6)
        y += STRIP
        self.text(LEFT - 8, y + 10, "recovery", 11, PALE, "end")
        for fault in self.faults:
            if not self.first <= fault.healthy <= end:
                continue
            until = min((f.injected for f in self.all_faults if f.injected > fault.injected), default=math.inf)
            own = [o for o in self.operations if fault.injected <= o.answered < until]
            seconds, failed = checks.recovery(own, fault)
            start, last = self.x(fault.healthy), self.x(fault.healthy + seconds)
            if failed:
                self.rectangle(start, y + 3, max(1.0, last - start), 6, OUTCOMES[2][1], 'opacity="0.55"')
            self.add(f'<path d="M{last - 4:.1f} {y + 12:.1f} h8 l-4 -8 z" fill="{GOOD}"/>')

    # MARK: Around it

    def axis(self, y):
        self.line(LEFT, y, WIDTH - RIGHT, y, INK, 0.8)
        step = next((s for s in (1, 2, 5, 10, 30, 60, 120, 300, 600) if self.seconds / s <= 16), 1200)
        begin = self.first - self.began
        for second in range(math.ceil(begin / step) * step, int(begin + self.seconds) + 1, step):
            x = self.x(self.began + second)
            self.line(x, y, x, y + 4, INK, 0.8)
            self.text(x, y + 17, f"{second} s", 11, PALE, "middle")

    def legend(self, y):
        x = LEFT
        for _, color, told in OUTCOMES:
            self.rectangle(x, y - 10, 11, 11, color)
            self.text(x + 17, y, told, 12)
            x += 17 + 6.6 * len(told) + 24
        self.rectangle(x, y - 10, 11, 11, BAND, f'stroke="{BAND_EDGE}"')
        self.text(x + 17, y, "a fault, until the servers were well again", 12)
        x += 17 + 6.6 * 42 + 24
        self.add(f'<path d="M{x:.1f} {y} h10 l-5 -10 z" fill="{GOOD}"/>')
        self.text(x + 17, y, "from here on no request failed, until the next fault", 12)


def draw(name, history, began, loaded_until, verdict):
    """The picture, as SVG."""
    return Picture(name, history, began, loaded_until, verdict).draw()
