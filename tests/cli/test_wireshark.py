# SPDX-License-Identifier: Apache-2.0
"""The Wireshark dissector, by tshark, on frames that mvctl and a node sent."""

import os
import re
import shutil
import struct
import subprocess

import pytest

from segment import ROOT

LUA = ROOT / "tools/wireshark/mv.lua"
TSHARK = shutil.which("tshark")
PROTO = (ROOT / "include/mv/proto.h").read_text()


def write_pcap(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for n, frame in enumerate(frames):
            out.write(struct.pack("<IIII", n, 0, len(frame), len(frame)) + frame)


def tshark(path, *args):
    env = {**os.environ, "XDG_CONFIG_HOME": str(path.parent), "HOME": str(path.parent)}
    run = subprocess.run([TSHARK, "-X", f"lua_script:{LUA}", "-r", str(path), *args], text=True,
                         capture_output=True, timeout=60, check=False, env=env)
    assert run.returncode == 0, run.stderr
    assert "Lua" not in run.stderr and "Lua Error" not in run.stdout
    return run.stdout


def columns(path):
    out = tshark(path, "-T", "fields", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info")
    return [line.split("\t") for line in out.splitlines()]


@pytest.fixture(scope="module")
def talk(tmp_path_factory, shared):
    """A conversation of all sorts of packets."""
    listener = shared.listen()
    shared.mvctl("create", shared.cfg("web"))
    shared.mvctl("console", "web", input="abc\r\n\x1d")
    for verb in ("list", "top -n 1 -d 1", "image list", "ports", "fdb", "counters", "dmesg",
                 "events", "info", "vcpu-list", "rename web www", "pause www", "mem-set www 8",
                 "sched www -w 7", "info www", "destroy www"):
        shared.mvctl(*verb.split())
    shared.mvctl("destroy", "nix", status=1)
    path = tmp_path_factory.mktemp("pcap") / "talk.pcap"
    write_pcap(path, listener.stop())
    return path


def test_every_packet_is_told(talk):
    lines = columns(talk)
    told = [info for protocol, info in lines if protocol == "MV"]
    assert len(told) > 100
    assert any(re.fullmatch(r"ANNOUNCE node-1", t) for t in told)
    assert any(re.fullmatch(r"OPENED session 0x[0-9a-f]{8}", t) for t in told)
    assert any(re.fullmatch(r"REQUEST id \d+ VM_CREATE", t) for t in told)
    assert any(re.fullmatch(r"REPLY id \d+ VM_CREATE OK", t) for t in told)
    assert any(t.endswith("VM_DESTROY NOT_FOUND: no VM 'nix'") for t in told)
    assert not any("kind" in t or "verb 0x" in t or "sealed" in t for t in told)


def test_fields(talk):
    def values(field, where):
        return tshark(talk, "-Y", where, "-T", "fields", "-e", f"mv.{field}").split("\n")

    assert "web" in values("name", "mv.kind == 7 && mv.verb == 0x10")
    assert "2" in values("vm_state", "mv.kind == 7 && mv.verb == 0x10")
    assert "www" in values("new_name", "mv.verb == 0x1b && mv.kind == 6")
    assert "8192" in values("memory", "mv.verb == 0x1c && mv.kind == 6")
    assert "100000" in values("size", "mv.verb == 0x39 && mv.kind == 6")
    assert "6162630d0a" in values("data", "mv.verb == 0x42 && mv.kind == 6")
    offsets = [int(o) for o in values("offset", "mv.verb == 0x3a && mv.kind == 6") if o]
    assert sorted(set(offsets)) == list(range(0, 100000, 1024))


def test_nothing_is_malformed(talk):
    assert tshark(talk, "-Y", "_ws.malformed || mv.bad_length") == ""
    assert "Entry 1" in tshark(talk, "-V", "-Y", "mv.verb == 0x52 && mv.kind == 7")


def test_sealed_packets(segment, tmp_path):
    segment.start(nodes=(("node-1", "key=" + "44" * 32),))
    segment.write("key", "44" * 32)
    os.chmod(segment.path / "key", 0o600)
    listener = segment.listen()
    segment.mvctl("-k", "key", "list")
    frames = listener.stop()
    write_pcap(tmp_path / "all.pcap", frames)
    told = [info for protocol, info in columns(tmp_path / "all.pcap") if protocol == "MV"]
    assert "REQUEST sealed" in told and "REPLY sealed" in told
    assert not any("VM_LIST" in t for t in told)


def test_broken_packets(talk, tmp_path):
    """Cut off everywhere, and with every byte of the head wrong: no error of
    the script."""
    frames = []
    raw = talk.read_bytes()[24:]
    while raw:
        size = struct.unpack_from("<I", raw, 8)[0]
        frame, raw = raw[16:16 + size], raw[16 + size:]
        frames.append(frame)
    kinds = {}
    for frame in frames:
        kinds.setdefault(frame[15:16] + frame[34:36] * (frame[15] in (6, 7)), frame)
    broken = [frame[:n] for frame in kinds.values() for n in range(14, min(len(frame), 80))]
    for frame in kinds.values():
        for at in range(14, min(60, len(frame))):
            for value in (0, 1, 255):
                broken.append(frame[:at] + bytes([value]) + frame[at + 1:])
    write_pcap(tmp_path / "broken.pcap", broken)
    assert len(broken) > 1000
    assert "mv.lua" not in tshark(tmp_path / "broken.pcap", "-V")


def test_all_numbers_are_there():
    """The script's verbs and sizes are those of include/mv/proto.h."""
    body = PROTO.split("enum mv_verb {")[1].split("}")[0]
    verbs = {int(v, 16): n for n, v in re.findall(r"MV_(\w+) = (0x\w+)", body)}
    lua = LUA.read_text()
    table = lua.split("local verbs = {")[1].split("}")[0]
    assert {int(v, 16): n for v, n in re.findall(r'\[(0x\w+)\] = "(\w+)"', table)} == verbs
    sizes = dict(re.findall(r"MV_SIZE\(mv_(\w+), (\d+)\)", PROTO))
    names = {1: "discover", 2: "announce", 3: "open", 4: "opened", 6: "request", 7: "reply",
             8: "notify"}
    payloads = lua.split("local payloads = {")[1]
    assert {int(k): n for k, n in re.findall(r"^\t\[(\d)\] = \{ (\d+), ", payloads, re.M)} == {
        k: sizes[n] for k, n in names.items()}
