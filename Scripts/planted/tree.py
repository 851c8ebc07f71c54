"""A copy of the sources with all planted bugs in it, and what is built of it."""
import os
import shutil
import subprocess
import sys
import tempfile

SWITCH = "Tests/Mutations/PlantedBug.swift"


class Failed(Exception):
    """A copy that cannot be made or built."""


def prepare(root, tree, planted):
    """Copies what git knows or could know of `root` to `tree`, with the bugs applied.

    Only what differs is written, so that little is built anew.
    """
    os.makedirs(tree, exist_ok=True)
    folder = os.path.dirname(tree)
    with tempfile.TemporaryDirectory(dir=folder) as fresh:
        for name in files_of(root):
            target = os.path.join(fresh, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.join(root, name), target)
        for bug in planted:
            apply(bug, fresh)
        for module in {module for bug in planted for module in bug.modules}:
            shutil.copy2(os.path.join(root, SWITCH), os.path.join(fresh, module))
        synchronize(fresh, tree)


def files_of(root):
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    )
    # A file that was removed and not committed yet is still listed.
    return sorted({name for name in listing.stdout.split("\0") if name and os.path.isfile(os.path.join(root, name))})


def apply(bug, tree):
    # Without a repository around, so that paths are those of the tree.
    environment = dict(os.environ, GIT_CEILING_DIRECTORIES=os.path.dirname(os.path.realpath(tree)))
    result = subprocess.run(
        ["git", "apply", "-C1", os.path.abspath(bug.path)], cwd=tree, env=environment, capture_output=True, text=True
    )
    if result.returncode != 0:
        raise Failed(f"{bug.name} does not apply any more:\n{result.stderr.rstrip()}\nChange {bug.path}.")


def synchronize(fresh, tree):
    wanted = set()
    for base, _, names in os.walk(fresh):
        for name in names:
            source = os.path.join(base, name)
            path = os.path.relpath(source, fresh)
            wanted.add(path)
            target = os.path.join(tree, path)
            if not is_same(source, target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copy2(source, target)
                # The time of the change counts, and not that of the original.
                os.utime(target)
    for base, folders, names in os.walk(tree):
        if base == tree:
            folders[:] = [name for name in folders if name != ".build"]
        for name in names:
            path = os.path.join(base, name)
            # Made by the build, and kept with it.
            if name != "Package.resolved" and os.path.relpath(path, tree) not in wanted:
                os.remove(path)


def is_same(source, target):
    try:
        with open(source, "rb") as left, open(target, "rb") as right:
            return left.read() == right.read() and os.access(source, os.X_OK) == os.access(target, os.X_OK)
    except FileNotFoundError:
        return False


class Build:
    """What is built of the tree."""

    def __init__(self, tree, scratch, traits):
        self.tree = tree
        self.traits = traits.split(",")
        self.options = ["--scratch-path", os.path.abspath(scratch)]
        self.options += ["--disable-default-traits", "--traits", traits]
        self.binaries = ""

    def run(self):
        self.swift("--build-tests", "-j", str(os.cpu_count() or 2))
        shown = subprocess.run(
            ["swift", "build", *self.options, "--show-bin-path"],
            cwd=self.tree, check=True, capture_output=True, text=True,
        )
        self.binaries = shown.stdout.strip()

    def swift(self, *arguments):
        # Not with warnings as errors: a bug may leave a value without use.
        environment = {key: value for key, value in os.environ.items() if key != "SESSIONS_WARNINGS_AS_ERRORS"}
        result = subprocess.run(
            ["swift", "build", *self.options, *arguments], cwd=self.tree, env=environment, stdout=sys.stderr
        )
        if result.returncode != 0:
            raise Failed("the sources do not compile with the planted bugs in them; see above which patch to change")

    def product(self, name):
        return os.path.join(self.binaries, name)

    @property
    def tests(self):
        for name in os.listdir(self.binaries):
            if name.endswith("PackageTests.xctest"):
                path = os.path.join(self.binaries, name)
                # A bundle on macOS, the program itself elsewhere.
                return path if os.path.isfile(path) else os.path.join(path, "Contents/MacOS", name[: -len(".xctest")])
        raise Failed(f"no tests in {self.binaries}")
