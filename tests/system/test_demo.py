# SPDX-License-Identifier: Apache-2.0
"""What `make run` shows."""
import os
import re
import subprocess

import harness


def test_demo():
    done = subprocess.run(
        ["/usr/bin/python3", os.path.join(harness.TOP, "scripts", "demo.py")],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    print(done.stdout)
    last = done.stdout.splitlines()[-1]
    match = re.fullmatch(r"demo: (\d+) of (\d+) checks ok", last)
    assert match and match[1] == match[2] and int(match[2]) >= 11
    assert done.returncode == 0
