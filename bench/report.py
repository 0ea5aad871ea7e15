# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks' reports have in common."""
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


def write(document, path):
    text = json.dumps(document, indent=2)
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    print(text)
