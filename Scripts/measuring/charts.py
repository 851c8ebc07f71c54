"""Charts as SVG, with the standard library alone. They carry their own background, and follow the reader's choice of
light or dark."""
import html
import math

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #57606a }
  .title { font-size: 15px; font-weight: 600; fill: #1f2328 }
  .name, .figure { fill: #1f2328 }
  .own { font-weight: 600 }
  .card { fill: #ffffff; stroke: #d0d7de }
  .grid { stroke: #d8dee4; stroke-width: 1 }
  .axis { stroke: #8c959f; stroke-width: 1 }
  .mark { stroke: #8c959f; stroke-width: 1; stroke-dasharray: 3 3 }
  .c0 { fill: #d4531c; stroke: #d4531c }
  .c1 { fill: #4a78b5; stroke: #4a78b5 }
  .c2 { fill: #f0a07c; stroke: #f0a07c }
  .c3 { fill: #a3bcdc; stroke: #a3bcdc }
  .line { fill: none; stroke-width: 1.75; stroke-linejoin: round }
  .bar { stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .title, .name, .figure { fill: #f0f6fc }
    .card { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #2a313a }
    .axis, .mark { stroke: #656c76 }
    .c0 { fill: #f0743e; stroke: #f0743e }
    .c1 { fill: #6a9fe0; stroke: #6a9fe0 }
    .c2 { fill: #8f4526; stroke: #8f4526 }
    .c3 { fill: #34547e; stroke: #34547e }
    .line { fill: none }
    .bar { stroke: none }
  }
"""


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 1e6:
        return f"{value / 1e6:.3g} M"
    if abs(value) >= 1000:
        return f"{round(value):,}".replace(",", "\u202f")
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def size(value):
    """Bytes, in the largest unit that leaves something before the point."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}" if value < 1000 * factor else f"{value / factor:.0f} {unit}"
    return f"{value:.0f} B"


def count(value):
    """All digits."""
    return f"{value:,}".replace(",", "\u202f")


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{html.escape(title)}">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        ]

    def text(self, x, y, text, kind="", anchor="start"):
        anchor = "" if anchor == "start" else f' text-anchor="{anchor}"'
        kind = f' class="{kind}"' if kind else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}>{html.escape(str(text))}</text>')

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def bar(self, x, y, width, height, kind):
        self.parts.append(
            f'<rect class="bar {kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" rx="2"/>'
        )

    def curve(self, points, kind):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{kind} line" points="{places}"/>')

    def legend(self, x, y, names):
        for kind, name in names:
            self.bar(x, y - 9, 11, 11, kind)
            self.text(x + 16, y, name)
            x += 16 + 6.6 * len(name) + 20

    def write(self, path):
        with open(path, "w") as file:
            file.write("\n".join(self.parts) + "\n</svg>\n")


def ceiling(value, unit=1):
    """A round number of units that is not below, and how many steps go into it."""
    value /= unit
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1
    for factor, steps in ((1, 4), (1.2, 4), (1.6, 4), (2, 4), (2.4, 4), (3.2, 4), (4, 4), (5, 2), (6, 4), (8, 4), (10, 4)):
        if value <= factor * power * 1.0001:
            return factor * power * unit, steps
    return 10 * power * unit, 4


def curves(path, title, panels, marks=(), width=760):
    """Panels of curves over the same time, one below the other.

    panels: (name, how numbers are written, [(kind, label, [(seconds, value)])])
    marks: (seconds, text) that go through all panels"""
    height, top, left, right = 118, 44, 78, 16
    drawing = Drawing(width, top + len(panels) * height + 36, title)
    drawing.text(20, 27, title, "title")
    end = max(points[-1][0] for _, _, lines in panels for _, _, points in lines)
    start = min(points[0][0] for _, _, lines in panels for _, _, points in lines)

    def x(seconds):
        return left + (seconds - start) / (end - start) * (width - left - right)

    for index, (name, written, lines) in enumerate(panels):
        upper, lower = top + index * height + 26, top + (index + 1) * height - 12
        most, steps = ceiling(max(value for _, _, points in lines for _, value in points), 2**20 if written is size else 1)
        drawing.text(left, upper - 9, name, "name")
        if len(lines) > 1:
            drawing.legend(left + 7 * len(name) + 24, upper - 9, [(kind, label) for kind, label, _ in lines])
        for step in range(steps + 1):
            y = lower - step / steps * (lower - upper)
            drawing.line(left, y, width - right, y, "axis" if step == 0 else "grid")
            if step % 2 == 0 or steps == 2:
                drawing.text(left - 8, y + 4, written(most * step / steps), anchor="end")
        for seconds, _ in marks:
            drawing.line(x(seconds), upper, x(seconds), lower, "mark")
        for kind, _, points in lines:
            # As many points as there are dots to see them with.
            stride = max(1, len(points) // 700)
            chosen = points[::stride] + ([points[-1]] if (len(points) - 1) % stride else [])
            drawing.curve([(x(at), lower - value / most * (lower - upper)) for at, value in chosen], kind)
    bottom = top + len(panels) * height + 8
    unit, name = (60, "min") if end - start >= 300 else (1, "s")
    stride = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120) if (end - start) / unit / step <= 10)
    for step in range(math.ceil(start / unit / stride), int(end / unit / stride) + 1):
        drawing.text(x(step * stride * unit), bottom, f"{step * stride} {name}", anchor="middle")
    for seconds, text in marks:
        drawing.text(x(seconds) + 4, bottom + 18, text, anchor="middle")
    drawing.write(path)


def bars(path, title, subtitle, groups, written=number, names=(), most=None, width=760):
    """Horizontal bars, in groups under a heading; the longest is as long as `most`, if that is given.

    groups: [(heading, [(label, whether it is ours, [(kind, value)])])]
    names: (kind, name) for the legend"""
    thick, left, right = 13, 210, 84
    rows = sum(len(entries) for _, entries in groups)
    deep = max(len(values) for _, entries in groups for _, _, values in entries)
    row = deep * (thick + 2) + 9
    top = 62 + (24 if names else 0)
    height = top + rows * row + sum(26 for heading, _ in groups if heading) + 10
    drawing = Drawing(width, height, title)
    drawing.text(20, 27, title, "title")
    drawing.text(20, 46, subtitle)
    if names:
        drawing.legend(20, 70, names)
    most = most or max(value for _, entries in groups for _, _, values in entries for _, value in values)
    drawing.line(left, top + 4, left, height - 12, "axis")
    y = top
    for heading, entries in groups:
        if heading:
            drawing.text(20, y + 18, heading, "name")
            y += 26
        for label, is_ours, values in entries:
            middle = y + (row - 9) / 2 + 4
            drawing.text(left - 12, middle, label, "name own" if is_ours else "name", anchor="end")
            for place, (kind, value) in enumerate(values):
                long = value / most * (width - left - right) if most else 0
                if value > 0:
                    drawing.bar(left, y + place * (thick + 2), long, thick, kind)
                drawing.text(left + long + 7, y + place * (thick + 2) + 11, written(value), "figure")
            y += row
    drawing.write(path)
