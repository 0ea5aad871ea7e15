# SPDX-License-Identifier: Apache-2.0
"""`mvctl capture`: a port's frames, read by tshark."""

import shutil
import signal
import socket
import subprocess
import time

import pytest

from segment import MVCTL, until
from test_wireshark import tshark

MARK = b"\xff" * 6 + b"\x02\x00\x00\x00\x00\x77" + b"\x12\x34"


@pytest.fixture
def wire(segment):
    """A node, and a socket on its hub."""
    segment.start()
    segment.env["MVCTL_NODE"] = "node-1"
    segment.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    segment.socket.bind("")
    segment.socket.connect(str(segment.path / "hub"))
    yield segment
    segment.socket.close()


def capture(segment, *args, **options):
    process = segment.spawn(MVCTL, "capture", *args, stderr=subprocess.PIPE, **options)
    # It has begun when the node copies our frames.
    until(lambda: segment.json("info")["info"]["sessions"] >= 2)
    time.sleep(0.3)
    return process


def rows(path, *fields):
    names = [a for f in fields for a in ("-e", f)]
    out = tshark(path, "-Y", "eth.type == 0x1234", "-T", "fields", *names)
    return [line.split("\t") for line in out.splitlines()]


def finish(process):
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    return errors.decode()


def test_frames(wire):
    begin = time.time()
    process = capture(wire, "-w", "out.pcapng", "-s", "1600", "wire")
    for n in range(60, 1500, 20):
        wire.socket.send(MARK + bytes([n & 255]) * (n - len(MARK)))
        time.sleep(0.002)
    time.sleep(1.2)
    assert "frames, 0 lost" in finish(process)
    got = rows(wire.path / "out.pcapng", "frame.len", "frame.cap_len", "frame.time_epoch",
               "frame.interface_name", "frame.packet_flags_direction")
    assert [int(r[0]) for r in got] == list(range(60, 1500, 20))
    assert all(r[0] == r[1] for r in got)
    assert all(begin - 2 < float(r[2]) < time.time() + 2 for r in got)
    times = [float(r[2]) for r in got]
    assert times == sorted(times) and times[-1] - times[0] > 0.05
    assert {r[3] for r in got} == {"wire"}
    assert len({int(r[4], 0) for r in got}) == 1
    if shutil.which("capinfos"):
        info = subprocess.run(["capinfos", str(wire.path / "out.pcapng")], text=True,
                              capture_output=True, timeout=30, check=False)
        assert info.returncode == 0, info.stderr


def test_snap_and_count_to_a_pipe(wire):
    with open(wire.path / "out.pcapng", "wb") as out:
        process = capture(wire, "-s", "64", "-c", "20", "wire", stdout=out)
        for _ in range(30):
            wire.socket.send(MARK + bytes(400))
            time.sleep(0.01)
        process.wait(20)
    assert process.returncode == 0
    path = wire.path / "out.pcapng"
    assert len(tshark(path).splitlines()) == 20
    got = rows(path, "frame.len", "frame.cap_len")
    assert got and all(r == ["414", "64"] for r in got)


def test_a_guests_port(wire):
    """Broadcasts go to the guest; one address of its own doesn't come back."""
    wire.mvctl("create", wire.cfg("web", vif="['mac=00:16:3e:00:00:02']"))
    port = [p for p in wire.json("ports")["ports"] if p["vm"]]
    if not port:        # the guest's driver isn't there, so neither is its port
        wire.mvctl("network-attach", "web")
        port = [p for p in wire.json("ports")["ports"] if p["vm"]]
    process = capture(wire, "-w", "out.pcapng", port[0]["name"])
    time.sleep(1)
    finish(process)
    assert tshark(wire.path / "out.pcapng", "-Y", "mv") == ""


def test_the_reader_goes_away(wire):
    process = capture(wire, "wire", stdout=subprocess.PIPE)
    assert process.stdout.read(28)[:4] == b"\x0a\x0d\x0d\x0a"
    process.stdout.close()
    assert process.wait(20) == 0
    # The node's capture ended with it: there is room for it again.
    for _ in range(6):
        with open(wire.path / "x", "wb") as out:
            assert subprocess.run([str(MVCTL), "capture", "--own", "-c", "1", "wire"], cwd=wire.path,
                                  env=wire.env, stdout=out, stderr=subprocess.DEVNULL, timeout=20,
                                  check=False).returncode == 0


def test_what_cannot_be(wire):
    assert "no port is called" in wire.mvctl("capture", "-w", "x", "nix", status=1)
    assert "not found" in wire.mvctl("capture", "-w", "x", "77", status=1)
    assert "No space left" in wire.mvctl("capture", "--own", "-w", "/dev/full", "wire", status=1)
    assert "No such file" in wire.mvctl("capture", "-w", "no/x", "wire", status=1)
    run = subprocess.run(["script", "-qec", f"{MVCTL} capture wire", "/dev/null"], text=True,
                         capture_output=True, env=wire.env, timeout=20, check=False)
    assert run.returncode == 2 and "isn't for a terminal" in run.stdout
