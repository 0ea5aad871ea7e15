# SPDX-License-Identifier: Apache-2.0
"""`mvctl exporter`: what Prometheus scrapes, checked with promtool."""

import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from segment import MVCTL, ROOT

PROMTOOL = shutil.which("promtool", path=f"{ROOT}/build/deps/tools") or shutil.which("promtool")


@pytest.fixture
def exporter(segment):
    """Two nodes, a VM on one of them, and the exporter's port."""
    segment.start(nodes=(("node-1",), ("node-2",)))
    segment.mvctl("-N", "node-1", "create", segment.cfg("web"))
    process = segment.spawn(MVCTL, "exporter", "127.0.0.1:0", stdout=subprocess.PIPE, text=True)
    segment.port = int(process.stdout.readline().split()[-1])
    segment.exporter = process
    return segment


def get(port, path="/metrics"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as reply:
        return reply.headers, reply.read().decode()


def test_promtool_is_content(exporter):
    _, text = get(exporter.port)
    check = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True,
                           capture_output=True, timeout=30, check=False)
    assert check.returncode == 0, check.stdout + check.stderr
    assert check.stdout + check.stderr == ""


def test_what_is_in_it(exporter):
    headers, text = get(exporter.port)
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'microvisor_up{node="node-1"} 1' in text
    assert 'microvisor_up{node="node-2"} 1' in text
    assert 'microvisor_vm_state{node="node-1",vm="web",state="running"} 1' in text
    assert 'microvisor_held{node="node-1",name="domains"} 1' in text
    assert 'microvisor_events_total{node="node-1",name="domains"}' not in text
    assert 'microvisor_events_total{node="node-1",name="mgmt_requests"}' in text
    used = [float(re.search(r'vm_cpu_seconds_total\{node="node-1",vm="web"\} ([0-9.]+)',
                            get(exporter.port)[1]).group(1)) for _ in range(2)]
    assert 0 < used[0] < used[1]
    assert text.count("# TYPE microvisor_uptime_seconds gauge") == 1


def test_one_node_only(exporter):
    process = exporter.spawn(MVCTL, "-N", "node-2", "exporter", "[::1]:0", stdout=subprocess.PIPE,
                             text=True)
    port = int(process.stdout.readline().split()[-1])
    with urllib.request.urlopen(f"http://[::1]:{port}/metrics", timeout=20) as reply:
        text = reply.read().decode()
    assert "node-2" in text and "node-1" not in text


def test_requests_that_are_none(exporter):
    for junk in (b"", b"GET", b"GET /metrics", b"\0" * 5000, b"POST /metrics HTTP/1.0\r\n\r\n",
                 b"GET\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", exporter.port)) as s:
            try:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                answer = s.recv(100)
            except OSError:       # it had heard enough
                answer = b""
            assert answer == b"" or b" 405 " in answer
    with pytest.raises(urllib.error.HTTPError) as wrong:
        get(exporter.port, "/other")
    assert wrong.value.code == 404
    assert "microvisor_up" in get(exporter.port)[1]


def test_a_client_that_says_nothing_is_left(exporter):
    with socket.create_connection(("127.0.0.1", exporter.port)):
        assert "microvisor_up" in get(exporter.port)[1]


def test_no_node_answers(segment):
    segment.start(nodes=())
    process = segment.spawn(MVCTL, "exporter", "127.0.0.1:0", stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().split()[-1])
    with pytest.raises(urllib.error.HTTPError) as none:
        get(port)
    assert none.value.code == 503
    process.terminate()
    assert process.wait(10) == 0


def test_where_it_cannot_listen(exporter):
    assert "ADDRESS:PORT" in exporter.mvctl("exporter", "nonsense", status=1)
    assert "in use" in exporter.mvctl("exporter", f"127.0.0.1:{exporter.port}", status=1)
