"""Parts of articles that scripts write."""
import datetime
import os
import platform

from .processes import ROOT, Failed

CATALOG = os.path.join(ROOT, "Sources", "Sessions", "Documentation.docc")


def replace_section(article, name, text):
    """Replaces what is between the marks of one section of an article."""
    path = os.path.join(CATALOG, article)
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    with open(path) as file:
        content = file.read()
    before, found, rest = content.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise Failed(f"{article} has no section {name}")
    with open(path, "w") as file:
        file.write(before + begin + "\n" + text.strip() + "\n\n" + end + after)


def table(columns, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])


def machine():
    """What it was measured on, and when."""
    name, processors = platform.machine(), os.cpu_count()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    with open("/etc/os-release") as file:
        system = next((line.partition("=")[2].strip().strip('"') for line in file if line.startswith("PRETTY_NAME")), "")
    return f"{name}, {processors} cores, {memory:.0f} GiB, {system}; {datetime.date.today():%B %Y}"
