# SPDX-License-Identifier: Apache-2.0
"""A segment for tests of mvctl: a hub, nodes in processes (hostnode), mvctl."""

import json
import os
import pathlib
import random
import socket
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MVCTL = pathlib.Path(os.environ.get("MVCTL", ROOT / "build/host/mvctl"))
HOSTNODE = pathlib.Path(os.environ.get("HOSTNODE", ROOT / "build/host/hostnode"))
PATIENCE = 30           # seconds, for what takes none on an idle machine


def image(size=4096, seed=0):
    """The smallest thing that passes for an arm64 kernel, of any size."""
    head = bytearray(64)
    struct.pack_into("<QQQ", head, 8, 0, 1 << 20, 0xA)
    head[56:60] = b"ARM\x64"
    body = bytes((i * 7 + (i >> 8) + seed) & 255 for i in range(4096))
    return (bytes(head) + body * (size // 4096 + 1))[:size]


def until(what, seconds=PATIENCE):
    """Call `what` until it is true; its value."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            assert value, "it never happened"
            return value
        time.sleep(0.05)


class Member(threading.Thread):
    """A member of the hub in a thread of this process."""

    def __init__(self, hub):
        super().__init__()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("")            # the kernel names it
        self.socket.settimeout(0.1)
        self.socket.connect(str(hub))
        self.done = threading.Event()
        self.start()

    def stop(self):
        self.done.set()
        self.join()
        self.socket.close()
        return self.result


class Listener(Member):
    def __init__(self, hub):
        self.result = []
        super().__init__(hub)
        self.socket.send(bytes(60))     # now the hub knows us

    def run(self):
        while not self.done.is_set():
            try:
                self.result.append(self.socket.recv(65536))
            except TimeoutError:
                pass


class Flood(Member):
    """Frames of all lengths: random ones, and headers of the protocol with
    random bytes behind them."""

    def __init__(self, hub):
        self.result = 0
        super().__init__(hub)

    def run(self):
        chance = random.Random(1)
        while not self.done.is_set():
            frame = chance.randbytes(chance.randrange(1, 1600))
            if chance.random() < 0.7:
                frame = (b"\xff" * 6 + b"\x02" + frame[:5] + b"\x88\xb5\x01" +
                         bytes([chance.randrange(10)]) + len(frame).to_bytes(2, "big") + frame)
            try:
                self.socket.send(frame[:1600])
                self.result += 1
                self.socket.setblocking(False)
                self.socket.recv(65536)
            except OSError:
                pass
            self.socket.settimeout(0.1)
            time.sleep(0.001)


class Segment:
    """Everything in one folder; ended as a whole."""

    def __init__(self, path):
        self.path = path
        self.processes = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("MVCTL_")}
        self.env["MVCTL_TRANSPORT"] = f"unix:{path}/hub"

    def spawn(self, *args, **options):
        process = subprocess.Popen([str(a) for a in args], cwd=self.path, env=self.env,
                                   **options)
        self.processes.append(process)
        return process

    def start(self, nodes=(("node-1",),)):
        names = [n[0] for n in nodes]
        self.spawn(MVCTL, "hub", "hub", *names)
        until(lambda: (self.path / "hub").exists())
        for node in nodes:
            self.node(*node)

    def node(self, name, *options):
        """Start a node that is a member of the hub."""
        return self.node_at(name, "hub", *options)

    def node_at(self, name, peer, *options):
        """Start a node that sends to the socket `peer`."""
        with open(self.path / f"{name}.log", "w", encoding="utf-8") as log:
            process = self.spawn(HOSTNODE, name, peer, name, *options, stdout=subprocess.PIPE,
                                 stderr=log, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    def listen(self):
        """A member of the hub that only listens."""
        return Listener(self.path / "hub")

    def flood(self):
        """A member of the hub that sends junk."""
        return Flood(self.path / "hub")

    def mvctl(self, *args, status=0, **options):
        """Run it; its standard output."""
        run = subprocess.run([str(MVCTL), *args], cwd=self.path, env=self.env, text=True,
                             capture_output=True, timeout=120, check=False, **options)
        assert run.returncode == status, f"{args}: {run.returncode}, {run.stdout}{run.stderr}"
        return run.stdout if status == 0 else run.stderr

    def json(self, *args):
        return json.loads(self.mvctl(*args, "-o", "json"))

    def write(self, name, data):
        (self.path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        return name

    def cfg(self, name, kernel="Image", **settings):
        values = {"name": f'"{name}"', "memory": 16, "kernel": f'"{kernel}"'}
        values.update(settings)
        return self.write(f"{name}.cfg", "".join(f"{k} = {v}\n" for k, v in values.items()))

    def vms(self):
        return {vm["name"]: vm for vm in self.json("list")["vms"]}

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            process.wait(timeout=10)
            if process.stdout:
                process.stdout.close()
