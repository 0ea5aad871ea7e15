# SPDX-License-Identifier: Apache-2.0
"""The man page, and bash's completion."""

import re
import shlex
import shutil
import subprocess

import pytest

from segment import MVCTL, ROOT

PAGE = ROOT / "cli/mvctl.1"
COMPLETION = ROOT / "cli/mvctl.bash"


def run(*args, **options):
    return subprocess.run([str(a) for a in args], text=True, capture_output=True, timeout=60,
                          check=False, **options)


def verbs():
    text = run(MVCTL, "help").stdout
    return re.findall(r"^  ([a-z-]+) ", text.split("verbs:")[1].split("options")[0], re.M)


# --- the page ----------------------------------------------------------------

def test_page_is_well_formed():
    assert shutil.which("mandoc")
    lint = run("mandoc", "-Tlint", "-Wwarning", PAGE)
    assert lint.stdout + lint.stderr == ""
    page = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PAGE)
    assert page.returncode == 0
    assert page.stderr == ""


def test_page_has_every_verb_and_option():
    text = run("mandoc", "-Tascii", "-Owidth=200", PAGE).stdout
    text = re.sub(r".\x08", "", text)
    for verb in verbs():
        assert re.search(rf"^ +{verb}\b", text, re.M) or f", {verb} " in text, verb
    for option in re.findall(r"--[a-z-]+", run(MVCTL, "help").stdout):
        if option not in ("--help",):
            assert option in text


# --- completion ----------------------------------------------------------------

def complete(segment, line):
    """What bash offers at the end of the line."""
    words = shlex.split(line)
    if line.endswith(" "):
        words.append("")
    script = (f"compopt() {{ :; }}; . {COMPLETION}; COMP_WORDS=({shlex.join(words)}); "
              f"COMP_CWORD={len(words) - 1}; _mvctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    env = {**segment.env, "PATH": f"{MVCTL.parent}:{segment.env['PATH']}"}
    out = run("bash", "-c", script, env=env, cwd=segment.path)
    assert out.stderr == ""
    return set(out.stdout.split())


def test_completion_is_bash():
    assert run("bash", "-n", COMPLETION).returncode == 0


def test_completes_verbs(segment):
    assert complete(segment, "mvctl ") >= set(verbs())
    assert complete(segment, "mvctl net") == {"network-attach", "network-detach", "network-list"}
    assert complete(segment, "mvctl -N x -o json vcpu") == {"vcpu-list", "vcpu-pin", "vcpu-set"}
    assert complete(segment, "mvctl help keyg") == {"keygen"}


@pytest.mark.parametrize("line,some", [
    ("mvctl --", {"--node", "--transport", "--help"}),
    ("mvctl create --", {"--paused", "--no-wait", "--node"}),
    ("mvctl bundle --", {"--list", "--node"}),
    ("mvctl -o ", {"json", "text"}),
    ("mvctl image ", {"push", "list", "remove"}),
    ("mvctl node ", {"poweroff", "reset"}),
    ("mvctl -t ", {"eth:", "unix:"}),
])
def test_completes_options(segment, line, some):
    assert complete(segment, line) >= some


def test_options_are_those_of_the_help(segment):
    """No option is offered that the verb's help doesn't have, or the other way."""
    for verb in verbs():
        text = run(MVCTL, "help", verb).stdout
        told = set(re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", text, re.M)) - {"--help"}
        offered = complete(segment, f"mvctl {verb} --") - {"--help"}
        assert offered == told, verb


def test_completes_what_the_node_has(shared):
    shared.mvctl("create", shared.cfg("webserver"))
    try:
        assert complete(shared, "mvctl destroy ") == {"webserver"}
        assert complete(shared, "mvctl console we") == {"webserver"}
        assert complete(shared, "mvctl rename webserver ") == set()
        assert complete(shared, "mvctl -N ") == {"node-1"}
        assert complete(shared, "mvctl image remove ") == {"Image"}
        assert complete(shared, "mvctl capture ") >= {"wire", "mgmt"}
    finally:
        shared.mvctl("destroy", "--wait", "webserver")
