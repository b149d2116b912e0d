"""What the scripts of this folder share: options, nginx, a counting server on all of loopback, and a crawl with its rows.

Knows the command's contract, and nothing of the inside of the program. Hosts are loopback addresses: what listens on
0.0.0.0 answers for all of 127/8, so a list may have a thousand hosts and one server.
"""

import argparse
import asyncio
import json
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "nothing_lost"))
import harness  # noqa: E402  (it stands in a folder beside this one)

NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
    uwsgi_temp_path {folder}; scgi_temp_path {folder};
    log_format each '$status $request_method $connection $request_uri $sent_http_content_encoding';
    server {{
        listen 0.0.0.0:{port} backlog=4096;
        default_type text/html;
        root {folder};
        {server}
    }}
}}
"""


def options(description):
    """The options of every script here; more may be added."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=pathlib.Path, help="instead of the release build")
    return parser


def parse(parser):
    arguments = parser.parse_args()
    arguments.binary = (arguments.binary or harness.binary("release")).resolve()
    return arguments


def host(nth):
    """The address of the nth host."""
    return f"127.{1 + nth // 62500}.{1 + nth // 250 % 250}.{1 + nth % 250}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


class Nginx:
    """nginx on all of loopback with these words in its server block; ends with the `with` block."""

    def __init__(self, folder, server):
        if not shutil.which("nginx"):
            sys.exit("nginx is not installed")
        self.port = free_port()
        folder.chmod(0o755)
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=self.port, server=server))
        command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def wait_for_port(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("the origin does not come up")


class Server:
    """A server of `asyncio` protocols on all of loopback, in a thread of its own; ends with the `with` block."""

    def __init__(self, protocol):
        self.loop = asyncio.new_event_loop()
        self.listener = self.loop.run_until_complete(
            self.loop.create_server(protocol, "0.0.0.0", 0, backlog=4096, reuse_address=True)
        )
        self.port = self.listener.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Requests(asyncio.Protocol):
    """One connection on which requests without bodies come; `on_request` is told the path of each."""

    def connection_made(self, transport):
        self.transport, self.pending = transport, b""
        self.host = transport.get_extra_info("sockname")[0]

    def data_received(self, data):
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, self.pending = self.pending.split(b"\r\n\r\n", 1)
            self.on_request(head.split(b" ", 2)[1].decode())

    def answer(self, status, body, *fields):
        lines = [f"HTTP/1.1 {status}", "Content-Type: text/html", f"Content-Length: {len(body)}", *fields]
        self.transport.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)


class Crawl:
    """One crawl into a directory of its own: how long it took, how it ended, what it left."""

    def __init__(self, arguments, urls, *words, expected="ok", meanwhile=None):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "urls").write_text("".join(f"{url}\n" for url in urls))
            command = [arguments.binary, "crawl", "-q", *words, "-o", folder / "run", folder / "urls"]
            begun = time.monotonic()
            run = harness.Run(command, folder / "stderr")
            if meanwhile:
                meanwhile(run)
            code = run.wait(900)
            self.seconds = time.monotonic() - begun
            self.faults = harness.row_faults(folder / "run", len(urls), expected)
            if code != 0:
                self.faults.append(f"ended with {code}: {(folder / 'stderr').read_text(errors='replace')[-300:]}")
            if code == 0:
                self.rows = harness.rows_of(folder / "run")
                self.summary = json.loads((folder / "run" / "summary.json").read_text())
            else:
                self.rows, self.summary = [], None


def conclude(faults):
    """Tells the breaches and ends."""
    for fault in faults:
        print(f"BREACH: {fault}")
    print("kept" if not faults else f"{len(faults)} breaches")
    sys.exit(1 if faults else 0)
