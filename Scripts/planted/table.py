"""What is printed: a line for each bug on each store, and the end."""
WIDTH = 0


def begin(planted):
    global WIDTH
    WIDTH = max(len(bug.name) for bug in planted)
    print(f"\n{'bug':{WIDTH}}  {'store':8}  {'tests':6}  {'model':6}  {'torture':7}  {'s':>5}  caught first by")


def print_row(row):
    def cell(kind):
        if kind not in row.found:
            return "–"
        return "caught" if row.found[kind] else "missed"

    cells = f"{cell('tests'):6}  {cell('model'):6}  {cell('torture'):7}"
    first = str(row.findings[0]) if row.findings else "MISSED"
    if row.findings and not row.is_caught:
        first = f"MISSED by random programs and faults; {first}"
    if len(first) > 100:
        first = f"{first[:99]}…"
    print(f"{row.bug.name:{WIDTH}}  {row.store:8}  {cells}  {row.seconds:5.1f}  {first}", flush=True)


def print_end(rows, seconds):
    missed = [row for row in rows if not row.is_caught]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} caught, in {seconds:.0f} s in all")
    for row in missed:
        print(f"MISSED: {row.bug.name} on {row.store}: {row.bug.text}")
