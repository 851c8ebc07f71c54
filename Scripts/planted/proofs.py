"""The proofs, and which of them a bug is shown to."""
import time

from . import torture
from .tests import CONFORMANCE, MODEL, MODEL_TESTS, SERVERS, TESTS, Finding, TestRun, pattern

KINDS = ("tests", "model", "torture")


class Unsound(Exception):
    """A proof that fails without a bug."""


class Row:
    """What became of one bug on one store."""

    def __init__(self, bug, store):
        self.bug = bug
        self.store = store
        # By kind of proof: a finding, or none. What was not run is missing.
        self.found = {}
        self.seconds = 0.0

    @property
    def findings(self):
        return [finding for finding in self.found.values() if finding]

    @property
    def needs_more(self):
        """Whether an essential bug was found by tests alone, though faults, which come last, were asked too."""
        others = [self.found.get("model"), self.found.get("torture")]
        return self.bug.essential and "torture" in self.found and not any(others)

    @property
    def is_caught(self):
        return bool(self.findings) and not self.needs_more


class Bench:
    """Everything that is run to find a bug."""

    def __init__(self, build, kinds):
        self.build = build
        self.kinds = [kind for kind in KINDS if kind in kinds]

    def check_soundness(self, store):
        """Runs every proof of a store without a bug.

        Throws if one fails, or runs nothing.
        """
        for kind in self.kinds:
            finding = self.run(kind, None, store) if self.has(kind, store) else None
            if finding:
                raise Unsound(": ".join(filter(None, [f"without a bug, on {store}", str(finding), finding.message])))

    def look(self, bug, store):
        row = Row(bug, store)
        began = time.monotonic()
        for kind in self.kinds:
            # The first finding will do; of an essential bug the first of those that have to find it.
            if any(finding for other, finding in row.found.items() if other != "tests" or not bug.essential):
                break
            if not self.has(kind, store):
                continue
            row.found[kind] = self.run(kind, bug, store)
            finding = row.found[kind]
            if finding and not self.passes_without(finding, store):
                raise Unsound(f"{bug.name}, on {store}: what finds it fails without it as well: {finding}")
        row.seconds = time.monotonic() - began
        return row

    def has(self, kind, store):
        return {
            "tests": True,
            "model": store in MODEL_TESTS,
            "torture": store == "file" or torture.can_torture(self.build),
        }[kind]

    def run(self, kind, bug, store):
        """What a proof finds first, or None."""
        if kind == "tests":
            return self.run_tests(bug, store)
        if kind == "model":
            return self.run_model(bug, store)
        objection = torture.run(self.build, bug, store)
        return Finding("torture", objection) if objection else None

    def run_model(self, bug, store):
        run = TestRun(self.build.tests, bug, MODEL_TESTS[store])
        found = run.finding()
        if not found and run.count == 0:
            raise Unsound(f"no random programs of {store} are run")
        return Finding("model", *found) if found else None

    def run_tests(self, bug, store):
        """The conformance suite and all the others, beside each other."""
        only, skip = TESTS[store]
        run = TestRun(self.build.tests, bug, only, "|".join(filter(None, [skip, MODEL])), store not in SERVERS)
        found = run.finding()
        if not found:
            if run.count == 0:
                raise Unsound(f"no test of {store} is run")
            return None
        return Finding("conformance" if CONFORMANCE in found[1] else "unit test", *found)

    def passes_without(self, finding, store):
        """Whether the test that has found a bug passes where there is none: else it was no finding.

        Twice, because of what the bug may have left behind in a server.
        """
        if not finding.test:
            return True
        for _ in range(2):
            run = TestRun(self.build.tests, None, pattern(finding.test), None, store not in SERVERS)
            if run.finding() is None and run.count > 0:
                return True
        return False
