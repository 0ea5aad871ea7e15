# SPDX-License-Identifier: Apache-2.0
"""The Ethernet segment of an emulated machine's network card, for mvctl: the
card's frames also reach `mvctl hub`. No root is needed.

    with Segment() as segment, Outside() as outside:
        machine = Machine(bundle, extra=segment.qemu("virtio-net-pci", outside))
        segment.mvctl("list")
"""
import json
import os
import shutil
import subprocess
import tempfile
import time

import harness
from harness import Failure


class Segment:
    def __init__(self):
        # A socket's path has to be short.
        self.folder = tempfile.mkdtemp(prefix="mv-")
        self.hub_path = os.path.join(self.folder, "hub")
        self.card_path = os.path.join(self.folder, "card")
        self.hub = subprocess.Popen(
            [harness.MVCTL, "hub", self.hub_path, self.card_path],
            stdin=subprocess.DEVNULL, preexec_fn=harness.end_with_parent)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.hub_path):
            if self.hub.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise Failure("mvctl hub did not start")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.hub.terminate()
        self.hub.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def qemu(self, nic="virtio-net-pci", *networks):
        """QEMU's arguments for a card on this segment, and on `networks` too,
        such as an outside.Outside or an AoeTarget."""
        members = [("segment", "dgram,local.type=unix,"
                    f"local.path={self.card_path},remote.type=unix,"
                    f"remote.path={self.hub_path}")]
        members += [(f"network{number}", network.netdev())
                    for number, network in enumerate(networks)]
        arguments = []
        for number, (name, netdev) in enumerate(members, 1):
            arguments += ["-netdev", f"{netdev},id={name}", "-netdev",
                          f"hubport,id=port{number},hubid=0,netdev={name}"]
        return [*arguments, "-netdev", "hubport,id=wire,hubid=0",
                "-device", f"{nic},netdev=wire,romfile="]

    def command(self, *words):
        return [harness.MVCTL, "-t", f"unix:{self.hub_path}", *words]

    def mvctl(self, *words, timeout=60):
        """What mvctl prints; Failure if it fails."""
        try:
            done = subprocess.run(self.command(*words), text=True,
                                  stdin=subprocess.DEVNULL, timeout=timeout,
                                  capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"mvctl {words[0]}: no end in {timeout} s") from None
        if done.returncode:
            raise Failure(f"mvctl {' '.join(words)}: status {done.returncode}: "
                          f"{done.stderr.strip()[-300:]}")
        return done.stdout

    def ask(self, *words, timeout=60):
        """The object that mvctl -o json prints."""
        return json.loads(self.mvctl("-o", "json", *words, timeout=timeout))
