# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks' reports have in common."""
import bisect
import collections
import json
import os
import re
import subprocess
import sys

import harness


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def environment(ram, icount):
    """What was measured, and on what."""
    with open(os.path.join(harness.DEPS_KERNEL, "version"),
              encoding="ascii") as file:
        kernel = re.search(r"Version: (\S+)", file.read())[1]
    qemu = subprocess.run(["qemu-system-aarch64", "--version"], check=True,
                          text=True, capture_output=True).stdout
    return {
        "qemu": re.search(r"\d[\d.]+", qemu)[0],
        "linux": kernel, "cpu": "cortex-a57", "cpus": 1, "memory_mib": ram,
        "icount": icount,
        "image_bytes": os.path.getsize(harness.HYPERVISOR),
    }


def ram_of(guest):
    """MiB numbers of a direct-mapped guest's RAM, as its kernel tells."""
    found = set()
    for line in guest.lines:
        match = re.search(r"node +0: \[mem (0x\w+)-(0x\w+)\]", line)
        if match:
            found |= set(range(int(match[1], 16) >> 20,
                               (int(match[2], 16) >> 20) + 1))
    if not found:
        raise harness.Failure(f"{guest.name} did not say where its RAM is")
    return found


def split_figures(path, units, domain_ram):
    """Instructions for each unit of work by who executed them."""
    with open(path, encoding="ascii") as file:
        records = [json.loads(line) for line in file]
    ends = [record for record in records if record["mark"] % 2 == 0]
    if len(ends) != len(units):
        raise harness.Failure(f"{len(ends)} measured parts were counted "
                              f"instead of {len(units)}")
    split = {}
    for (name, count), record in zip(units.items(), ends):
        guests = record["kernel"] + record["user"]
        domain = sum(value for place, value in record["places"].items()
                     if int(place) in domain_ram)
        split[name] = {
            "total": round((guests + record["hypervisor"]) / count, 1),
            "hypervisor": round(record["hypervisor"] / count, 1),
            "driver_domain": round(domain / count, 1),
            "guest": round((guests - domain) / count, 1),
            "hypervisor_entries": round(record["entries"] / count, 2),
        }
    return split


def symbols(elf):
    """(offsets, names) of the functions of the hypervisor's image, in order."""
    lines = subprocess.run(
        ["aarch64-linux-gnu-nm", "-n", elf], check=True, text=True,
        capture_output=True).stdout.splitlines()
    found = [(int(line[:16], 16), line[19:]) for line in lines
             if line[17] in "tTwW" and not line[19:].startswith("$")]
    start = next(at for at, name in found if name == "image_start")
    return [at - start for at, _ in found], [name for _, name in found]


def profile(path, units, elf, rows=45):
    """Who in the hypervisor executes: a table for each part, as text."""
    with open(path, encoding="ascii") as file:
        records = [json.loads(line) for line in file]
    ends = [record for record in records if record["mark"] % 2 == 0]
    offsets, names = symbols(elf)
    text = []
    for (part, count), record in zip(units.items(), ends):
        totals, calls = collections.Counter(), collections.Counter()
        for offset, (executed, runs) in record["code"].items():
            at = bisect.bisect_right(offsets, int(offset)) - 1
            totals[names[at]] += executed
            if offsets[at] == int(offset):
                calls[names[at]] += runs
        text.append(f"{part}: {record['hypervisor'] / count:.0f}\n")
        text += [f"{value / count:10.1f} {calls[name] / count:8.2f} calls  "
                 f"{name}\n" for name, value in totals.most_common(rows)]
    return "".join(text)


def write(document, path):
    text = json.dumps(document, indent=2)
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    print(text)
