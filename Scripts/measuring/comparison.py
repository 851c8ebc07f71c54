"""What Scripts/bench-peers found, as text, tables and charts."""
import os

from . import charts, documents

COLUMNS = f"{'':20}{'requests/s':>33}{'CPU above plain, µs':>22}{'ratio':>14}{'p50/p99 ms':>26}{'bytes':>8}{'lost':>8}"


def above(result, workload):
    """CPU microseconds per request above the plain route of the same server: noise may make it less than nothing."""
    return max(0, result[workload]["cpu"] - result["W0"]["cpu"])


def ratio(result, workload):
    return result[workload]["cpu"] / result["W0"]["cpu"]


def latency(result, workload):
    return "/".join(f"{result[workload][part]:.2f}" for part in ("p50", "p99"))


def show(name, result, state={}):
    """One line; the first one has the columns above it."""
    if not state:
        state["shown"] = True
        print(f"{COLUMNS}\n{'':20}{'plain':>11}{'update':>11}{'read':>11}{'update':>11}{'read':>11}{'update':>7}{'read':>7}"
              f"{'update':>13}{'read':>13}")
    rates = "".join(f"{result[workload]['rate']:11.0f}" for workload in ("W0", "W1", "W2"))
    costs = "".join(f"{above(result, workload):11.1f}" for workload in ("W1", "W2"))
    ratios = "".join(f"{ratio(result, workload):7.2f}" for workload in ("W1", "W2"))
    times = "".join(f"{latency(result, workload):>13}" for workload in ("W1", "W2"))
    print(f"{name:20}{rates}{costs}{ratios}{times}{result['bytes']:8.0f}{result['lost']:8}", flush=True)
    if result["failed"] or result["refused"]:
        print(f"{'':20}{result['failed']} requests failed, and {result['refused']} of the updates of one session")


def groups(results, values):
    """The bars, by where sessions are kept."""
    found = {}
    for result in results.values():
        found.setdefault(result["group"], []).append((result["label"], result["ours"], values(result)))
    return list(found.items())


def kinds(result):
    """The colours of an update and of a read."""
    return ("c0", "c2") if result["ours"] else ("c1", "c3")


NAMES = [("c0", "update"), ("c2", "read"), ("c1", "update, elsewhere"), ("c3", "read, elsewhere")]


def draw(folder, results, updates):
    charts.bars(
        os.path.join(folder, "peers-cpu.svg"), "What a session costs the server",
        "CPU microseconds per request above the same server's plain route; less is better",
        groups(results, lambda result: [
            (kind, above(result, workload)) for kind, workload in zip(kinds(result), ("W1", "W2"))
        ]), names=NAMES,
    )
    charts.bars(
        os.path.join(folder, "peers-requests.svg"), "Requests per second",
        "32 connections over 32 sessions; more is better",
        groups(results, lambda result: [
            (kind, result[workload]["rate"]) for kind, workload in zip(kinds(result), ("W1", "W2"))
        ]), names=NAMES,
    )
    charts.bars(
        os.path.join(folder, "peers-lost.svg"), "Lost updates",
        f"of {charts.count(updates)} acknowledged increments of one session, sent over 32 connections",
        groups(results, lambda result: [(kinds(result)[0], result["lost"])]), written=charts.count, most=updates,
    )


def cells(result, workload):
    figures = result[workload]
    return [
        charts.count(round(figures["rate"])), f"{above(result, workload):.1f}", f"{ratio(result, workload):.2f}",
        f"{figures['p50']:.2f} · {figures['p99']:.2f}",
        f"{figures['database_cpu']:.1f}" if figures["database_cpu"] else "–",
    ]


def name(result):
    return f"**{result['label']}**" if result["ours"] else result["label"]


def tables(results, updates):
    columns = ["store", "", "requests/s", "CPU above plain, µs", "ratio to plain", "p50 · p99, ms", "database's CPU, µs"]
    parts = []
    for title, workload in (("A read", "W2"), ("An update", "W1")):
        rows = [[result["group"], name(result), *cells(result, workload)] for result in results.values()]
        parts.append(f"**{title}**, over 32 sessions:\n\n" + documents.table(columns, rows))
    rows = [
        [result["group"], name(result), f"{result['W0']['cpu']:.1f}", charts.count(round(result["W0"]["rate"])),
         charts.count(round(result["W3"]["rate"])), charts.count(round(result["bytes"])), charts.count(result["lost"])]
        for result in results.values()
    ]
    columns = ["store", "", "plain: CPU, µs", "plain: requests/s", "new sessions/s", "bytes per session",
               f"lost of {charts.count(updates)}"]
    parts.append("**Plain, new, and lost**:\n\n" + documents.table(columns, rows))
    return parts


def write(found):
    """Replaces the section of the article and the charts."""
    results, settings, updates = found["results"], found["settings"], found["updates"]
    draw(documents.CATALOG, results, updates)
    failed = [f"{result['label']} on {result['group']}: {result['failed'] + result['refused']}"
              for result in results.values() if result["failed"] or result["refused"]]
    lines = [f"- {label}" + (f" ({versions})" if versions else "") + f": {setting}." for label, versions, setting in settings]
    documents.replace_section("Benchmarks.md", "peers", "\n\n".join([
        "![Bars of the CPU time of a read and an update above the plain route](peers-cpu.svg)",
        "![Bars of the requests per second](peers-requests.svg)",
        "![Bars of the lost updates](peers-lost.svg)",
        *tables(results, updates),
        *([f"Requests that failed: {'; '.join(failed)}."] if failed else []),
        "The servers and their settings:\n\n" + "\n".join(lines),
        f"Medians of {found['rounds']} rounds of {found['seconds']} seconds. {found['machine']}.",
    ]))
