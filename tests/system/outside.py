# SPDX-License-Identifier: Apache-2.0
"""What the emulated machine's network card is connected to: QEMU's user
network, with its DHCP server and gateway, and HTTP on this machine.

A guest reaches this machine as 10.0.2.2. It is reached from here at a port of
127.0.0.1, by the address that the DHCP server gave it. No root is needed.

    with Outside() as outside:
        machine = Machine(bundle, extra=outside.qemu())
"""
import hashlib
import http.server
import os
import socket
import threading
import urllib.request

GATEWAY = "10.0.2.2"
# The DHCP server's first ones.
ADDRESSES = tuple(f"10.0.2.{n}" for n in range(15, 19))
GUEST_PORT = 8080
CHUNK = 1 << 20


def free_port():
    """A TCP port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Handler(http.server.BaseHTTPRequestHandler):
    """GET gives the server's file, whatever the path."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.data)))
        self.end_headers()
        self.wfile.write(self.server.data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A guest that goes in the middle is no news."""


class Outside:
    def __init__(self, size=64 << 20):
        self.data = os.urandom(size)
        self.sha256 = hashlib.sha256(self.data).hexdigest()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.data = self.data
        self.ports = {address: free_port() for address in ADDRESSES}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        """Where a guest finds the file."""
        return f"http://{GATEWAY}:{self.server.server_address[1]}/file"

    def netdev(self):
        """QEMU's name for this network."""
        return "user" + "".join(
            f",hostfwd=tcp:127.0.0.1:{port}-{address}:{GUEST_PORT}"
            for address, port in self.ports.items())

    def qemu(self, nic="virtio-net-pci"):
        """QEMU's arguments for a card on this network."""
        return ["-netdev", f"{self.netdev()},id=wire",
                "-device", f"{nic},netdev=wire,romfile="]

    def fetch(self, address, path="/file", timeout=120):
        """(size, SHA-256) of a file that a guest serves."""
        digest, size = hashlib.sha256(), 0
        with urllib.request.urlopen(
                f"http://127.0.0.1:{self.ports[address]}{path}",
                timeout=timeout) as answer:
            while data := answer.read(CHUNK):
                digest.update(data)
                size += len(data)
        return size, digest.hexdigest()
