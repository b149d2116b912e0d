"""What the scripts of this folder share: a build, an origin, a run in a process group of its own, and what its rows say.

Knows the command's contract, and nothing of the inside of the program.
"""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# No worker may outlive its master by more, in seconds.
LONGEST_ORPHAN = 2.0


def binary(profile):
    path = TARGET / profile / "myriapod"
    if not path.exists():
        flag = " --release" if profile == "release" else ""
        sys.exit(f"{path} is missing: cargo build{flag}")
    return path


def clean_environment(**more):
    """The environment without settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("MYRIAPOD_")}
    return kept | more


class Origin:
    """The local test server; ends with the `with` block."""

    def __init__(self, program, n_hosts):
        command = [str(program), "origin", "--listen", "127.0.0.1:0", "--hosts", str(n_hosts)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment(), text=True)
        self.hosts = [self.process.stdout.readline().strip().rstrip("/") for _ in range(n_hosts)]
        self.connection = http.client.HTTPConnection(self.hosts[0].removeprefix("http://"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def url(self, nth, path):
        return self.hosts[nth % len(self.hosts)] + path

    def requests(self, endpoint):
        """How often one of its pages was asked for so far."""
        self.connection.request("GET", "/_requests")
        return json.load(self.connection.getresponse()).get(endpoint, 0)


class Run:
    """A command that leads a process group."""

    def __init__(self, command, stderr, environment=None):
        with open(stderr, "ab") as sink:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=sink,
                env=environment or clean_environment(),
                start_new_session=True,
            )
        self.group = self.process.pid

    def workers(self):
        """The workers that live."""
        return [pid for pid, name, parent in members(self.group) if name == "myriapod-worker" and parent == self.group]

    def wait(self, seconds=120):
        """Its exit code; a run that does not end is a breach, and is ended."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill_group(self.group)
            self.process.wait()
            return "no end"

    def leftover(self):
        """Waits for its processes to go: how long that took, and whoever is left when none may be; those are killed."""
        begun = time.monotonic()
        while left := members(self.group):
            if time.monotonic() - begun > LONGEST_ORPHAN:
                kill_group(self.group)
                break
            time.sleep(0.002)
        return time.monotonic() - begun, left


def members(group):
    """The processes of a group that are not dead: number, name, parent."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                before, after = file.read().rsplit(")", 1)
        except OSError:
            continue
        state, parent, its_group = after.split()[:3]
        if int(its_group) == group and state not in "ZX":
            found.append((int(entry), before.split("(", 1)[1], int(parent)))
    return found


def kill_group(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


def rows_of(folder):
    """The rows of a run directory; a line that is no row is an error."""
    text = (folder / "rows.jsonl").read_bytes()
    if text and not text.endswith(b"\n"):
        raise ValueError("the last row is torn")
    return [json.loads(line) for line in text.splitlines()]


def row_faults(folder, n_urls, outcome="ok"):
    """What is wrong with the rows: one for each URL, each of this outcome."""
    try:
        rows = rows_of(folder)
    except (OSError, ValueError) as error:
        return [f"rows can not be read: {error}"]
    faults = []
    seqs = sorted(row["seq"] for row in rows)
    if seqs != list(range(n_urls)):
        faults.append(f"{len(seqs)} rows, {len(set(seqs))} of them distinct, for {n_urls} URLs")
    others = [row for row in rows if row["outcome"] != outcome]
    if others:
        faults.append(f"{len(others)} rows are not {outcome}, such as {others[0]['seq']}: {others[0]['error']}")
    return faults


def panicked(stderr):
    return "panicked" in stderr.read_text(errors="replace") if stderr.exists() else False


def conclude(faults):
    """Tells the breaches and ends."""
    for fault in faults:
        print(f"BREACH: {fault}")
    print("nothing lost" if not faults else f"{len(faults)} breaches")
    sys.exit(1 if faults else 0)
