"""The servers that the tests of some stores need."""
import contextlib
import os
import re
import subprocess
import tempfile

from .tests import SERVERS


@contextlib.contextmanager
def running(root, stores):
    """Starts them, and sets the variables by which tests find them, until the block ends."""
    names = [SERVERS[store] for store in stores if store in SERVERS]
    if not names:
        yield
        return
    script = os.path.join(root, "Scripts/services")
    # A folder that does not exist yet, so that nobody else's servers are stopped.
    with tempfile.TemporaryDirectory(prefix="planted-services-") as parent:
        environment = dict(os.environ, SESSIONS_SERVICES_DIR=os.path.join(parent, "servers"))
        started = subprocess.run(
            [script, "start", *names], env=environment, stdout=subprocess.PIPE, text=True
        )
        try:
            if started.returncode != 0:
                raise RuntimeError("the servers do not start")
            variables = re.findall(r"^export (\w+)=(.*)$", started.stdout, re.MULTILINE)
            os.environ.update({name: value.strip("'\"") for name, value in variables})
            yield
        finally:
            subprocess.run([script, "stop"], env=environment, stdout=subprocess.DEVNULL)
