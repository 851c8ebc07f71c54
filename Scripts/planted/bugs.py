"""The planted bugs, as the headers of Tests/Mutations/*.patch describe them."""
import os
import re

STORES = ("memory", "file", "sqlite", "redis", "mysql", "postgres")
# What a bug above the stores is looked for on: it is the same on all.
ABOVE_STORES = "memory"


class Flawed(Exception):
    """A patch that is not as it should be."""


class Bug:
    """One planted bug.

    name       the patch's, and the one that the switch in it asks for
    text       what the bug does
    promise    what it breaks
    stores     where it is
    modules    the folders of the modules that it changes
    is_near    whether it is in the near cache, which only processes that have one can show
    essential  whether random programs or faults must find it, however well the tests do
    """

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)[: -len(".patch")]
        with open(path, encoding="utf-8") as file:
            content = file.read()
        header, separator, _ = content.partition("\n--- ")
        if not separator:
            raise Flawed(f"{path} changes nothing")
        fields = dict(re.findall(r"^(Breaks|Stores|Essential|Near cache): (.+)$", header, re.MULTILINE))
        self.text = " ".join(header.split("\n\n")[0].split())
        if not self.text or ":" in self.text.split(" ")[0] or "Breaks" not in fields or "Stores" not in fields:
            raise Flawed(f"{path} does not begin with what the bug is, and the lines Breaks and Stores")
        self.promise = fields["Breaks"]
        self.essential = fields.get("Essential") == "yes"
        self.stores = [ABOVE_STORES] if fields["Stores"] == "all" else fields["Stores"].split()
        unknown = set(self.stores) - set(STORES)
        if unknown:
            raise Flawed(f"{path}: unknown store {', '.join(sorted(unknown))}; all or some of {', '.join(STORES)}")
        self.is_near = fields.get("Near cache") == "yes"
        self.modules = set(re.findall(r"^\+\+\+ b/(Sources/[^/]+)/", content, re.MULTILINE))
        switches = set(re.findall(r'^\+.*PlantedBug\.isOn\("([^"]*)"\)', content, re.MULTILINE))
        if switches != {self.name}:
            raise Flawed(f"{path} must ask for its own name, and asks for {', '.join(sorted(switches)) or 'none'}")


def read(folder):
    """All bugs, in the order in which their patches are applied."""
    paths = sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".patch"))
    return [Bug(path) for path in paths]
