# SPDX-License-Identifier: Apache-2.0
"""The part of run-net with a wire: a guest, a driver domain with a virtio-net,
and behind that something outside of the emulated machine that answers.

What is counted are the instructions between the traffic tool's markers; idle
time isn't among them.

- Round trips: QEMU's own network refuses TFTP requests, at once and in the
  machine's time (the card sends what it was given 10 us later), so the figures
  hardly differ from run to run.
- Streams: a network namespace of this machine with a tap device, and the same
  traffic tool. It works in real time, so idle time has to pass as here
  (sleep=on), and the figures differ by a few percent. It needs root. The card
  takes what hardware takes: unfinished checksums, and TCP to be segmented. What
  comes in are frames of at most 1514 bytes.
"""
import contextlib
import json
import os
import re
import subprocess

import harness
import report
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(harness.BUILD, "bench")
NT = os.path.join(OUT, "nt")
RAM = 1024
SEGMENT = 1448          # TCP payload of a full 1500-byte packet
COUNTER_MIN = 0.001     # less of it for each unit is left out
TFTP_SERVER, HOST, GUEST = "10.0.2.2", "10.0.2.3", "10.0.2.15"
# Name in the JSON, the guest's command, the host's beside it, which goes on
# until it is stopped.
TRIPS = (("wire_udp_pingpong_18B", f"pp {TFTP_SERVER} 69 18 2000", None),)
STREAMS = (
    ("wire_udp_flood_out", f"usend {HOST} 9 18 1", None),
    ("wire_udp_flood_in", "utake 9 1", f"usend {GUEST} 9 18 600"),
    ("wire_tcp_out_per_1448B", f"tsend {HOST} 10 1 131072", None),
    ("wire_tcp_in_per_1448B", "ttake 11 1", f"tsend {GUEST} 11 600 131072"),
)


class Host:
    """A host at the other end of the wire."""

    def __init__(self):
        self.wire = wire.Wire()
        self.programs = {}
        self.wire.address(f"{HOST}/24")
        self.wire.run(NT, "off", "wire", "0")   # frames as on a real wire
        self.start("trecv 10")

    @property
    def prefix(self):
        return self.wire.enter

    def qemu(self):
        return [word.replace("vnet_hdr=off", "vnet_hdr=on")
                for word in self.wire.qemu("virtio-net-pci")]

    def start(self, words):
        program = subprocess.Popen(
            [*self.wire.enter, NT, *words.split()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=harness.end_with_parent)
        self.programs[words] = program

    def frames(self):
        """How many the card has sent."""
        link, = json.loads(self.wire.run("ip", "-s", "-j", "link", "show",
                                         "wire"))
        return link["stats64"]["rx"]["packets"]

    def stop(self, words):
        program = self.programs.pop(words)
        program.kill()
        program.wait()

    def close(self):
        for words in list(self.programs):
            self.stop(words)
        self.wire.close()


class Tftp:
    """QEMU's own network. No file can be had: all that is asked is refused."""

    prefix = ()

    @staticmethod
    def qemu():
        return ["-netdev", "user,id=wire,restrict=on", "-device",
                "virtio-net-pci,netdev=wire,romfile=,ioeventfd=off,tx=timer,"
                "x-txtimer=10000"]

    @staticmethod
    def frames():
        return 0

    def close(self):
        pass


def numbers_of(line):
    return {key: float(value)
            for key, value in re.findall(r"(\w+)=(-?[\d.]+)", line)}


def measured_part(guest, far, command, beside, timeout):
    """(units of work, how many frames were sent for them or None)"""
    begin = far.frames()
    job = guest.start(f"nt {command}")
    if beside:
        guest.run("usleep 300000")      # until its program is there
        far.start(beside)
    numbers = numbers_of(job.wait(timeout).output)
    if beside:
        far.stop(beside)
    if "bytes" in numbers:
        return numbers["bytes"] / SEGMENT, None
    if command.startswith("usend"):
        guest.run("sleep 1")            # what is under way arrives
        return far.frames() - begin, numbers["n"]
    return numbers["n"], numbers.get("sent")


def measured_parts(machine, far, parts, document, path, timeout):
    uplink, guest = machine.guest("uplink", 1), machine.guest("a", 2)
    guest.wait_ready(timeout)
    uplink.wait_line("uplink: ready", timeout)
    peer = parts[0][1].split()[1]
    guest.run(f"for i in $(seq 60); do ping -c 1 -W 1 {peer} && exit; done; "
              "exit 1", timeout)
    units = {}
    for name, command, beside in parts:
        before = machine.counters()
        units[name], sent = measured_part(guest, far, command, beside, timeout)
        after = machine.counters()
        document["counters"][name] = {
            key: round((value - before.get(key, 0)) / units[name], 3)
            for key, value in after.items()
            if value - before.get(key, 0) >= units[name] * COUNTER_MIN}
        if sent is not None:
            document["metrics"][f"{name}_sent_packets"] = round(sent)
            document["metrics"][f"{name}_received_packets"] = round(units[name])
    split = report.split_figures(path, units, report.ram_of(uplink))
    document["split"].update(split)
    document["metrics"].update(
        {name: round(figures["total"]) for name, figures in split.items()})


def measured_machine(name, far, parts, document, sleep, timeout):
    path = os.path.join(OUT, f"{name}-split.jsonl")
    bundle = harness.make_bundle(
        os.path.join(OUT, "netwire.cpio"),
        *(os.path.join(HERE, "wire", f"{vm}.cfg") for vm in ("uplink", "a")))
    plugin = os.path.join(OUT, "insn-split.so")
    with contextlib.closing(far), harness.Machine(
            bundle, log=os.path.join(OUT, f"{name}.log"), cpus=1, ram=RAM,
            icount=True, sleep=sleep, prefix=far.prefix,
            extra=[*far.qemu(), "-plugin", f"{plugin},out={path}"]) as machine:
        try:
            measured_parts(machine, far, parts, document, path, timeout)
        except harness.Failure:
            harness.complain(machine, f"{name} failed")
            raise


def measure(timeout):
    """{"metrics": .., "split": .., "counters": ..}"""
    document = {"metrics": {}, "split": {}, "counters": {}}
    measured_machine("netwire-trips", Tftp(), TRIPS, document, False, timeout)
    if wire.possible():
        measured_machine("netwire-streams", Host(), STREAMS, document, True,
                         timeout)
    else:
        report.say("streams to the wire need root: left out")
    return document
