"""The verdict on all stores: a table, a page, and the same in Markdown."""
import html
import os

# The promises, and the kinds of violations that break each.
PROMISES = {
    "one order": ("no order", "undecided"),
    "nothing lost": ("missing", "logged out"),
    "nothing twice": ("twice", "refused"),
    "ended stays": ("came back",),
    "end all": ("survived",),
    "one successor": ("two winners",),
    "limits": ("outlived", "expired early"),
    "no cross-talk": ("cross-talk",),
    "fresh": ("stale", "silence"),
    "answers": ("plain", "slow", "cookie", "retry-after", "recovery", "status"),
}


def in_short(result):
    count = sum(result["violations"].values())
    return f"ended: {result['operations']} requests, {result['faults']} faults, " + (f"{count} violations" if count else "all well")


def cells(result):
    yield result["store"]
    yield str(result["operations"])
    yield str(result["faults"])
    yield str(result["sessions"])
    for kinds in PROMISES.values():
        count = sum(result["violations"].get(kind, 0) for kind in kinds)
        yield str(count) if count else "ok"
    yield f"{result['recovery']:.2f} s"


def titles():
    return ["store", "requests", "faults", "sessions", *PROMISES, "recovery"]


def table(results):
    rows = [titles(), *(list(cells(result)) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths)


STYLE = """
body { font: 15px/1.5 -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; color: #24292f; margin: 2rem auto; max-width: 1320px;
  padding: 0 1rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .25rem .55rem; border-bottom: 1px solid #d8dee4;
  text-align: right; vertical-align: bottom }
td { white-space: nowrap }
th:first-child, td:first-child { text-align: left } .ok { color: #2e8540 } .bad { color: #c8323c; font-weight: bold }
.rows td { text-align: left; white-space: normal } img { width: 100%; height: auto; border: 1px solid #d8dee4 }
"""


def write(folder, results, seed, seconds, bad):
    command = f"Scripts/torture {' '.join(result['store'] for result in results)} --seconds {seconds:g} --seed {seed}"
    verdict = "All well." if not bad else f"Wrong: {', '.join(bad)}."
    with open(os.path.join(folder, "summary.md"), "w") as text:
        text.write(f"# Torture\n\n{verdict} `{command}`\n\n")
        text.write("| " + " | ".join(titles()) + " |\n|" + "---|" * len(titles()) + "\n")
        for result in results:
            text.write("| " + " | ".join(cells(result)) + " |\n")
        for result in results:
            text.write(f"\n## {result['store']}\n\n![What clients got]({result['store']}/timeline.svg)\n\n| | |\n|---|---|\n")
            for title, value in result["rows"]:
                text.write(f"| {title} | {value} |\n")
    with open(os.path.join(folder, "index.html"), "w") as page:
        page.write(f"<!doctype html><meta charset=utf-8><title>Torture</title><style>{STYLE}</style>\n<h1>Torture</h1>\n")
        page.write(f"<p class={'bad' if bad else 'ok'}>{html.escape(verdict)}</p><p><code>{html.escape(command)}</code></p>\n")
        page.write("<div class=wide><table><tr>" + "".join(f"<th>{html.escape(title)}" for title in titles()) + "</tr>\n")
        for result in results:
            page.write("<tr>")
            values = list(cells(result))
            for index, value in enumerate(values):
                is_verdict = 4 <= index < len(values) - 1
                page.write(f"<td class={('ok' if value == 'ok' else 'bad') if is_verdict else 'figure'}>{html.escape(value)}")
            page.write("</tr>\n")
        page.write("</table></div>\n")
        for result in results:
            name = html.escape(result["store"])
            page.write(f"<h2>{name}</h2>\n<img src='{name}/timeline.svg' alt='What clients got, and what was done'>\n")
            page.write("<table class=rows>" + "".join(
                f"<tr><td>{html.escape(title)}<td>{html.escape(value)}" for title, value in result["rows"]
            ) + "</table>\n")
