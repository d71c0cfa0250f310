"""A process is distinguished from every other one that had or will have its pid."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from host.processes import ProcessIdentity


def test_this_process_lives() -> None:
    this = ProcessIdentity.of_this_process()
    assert this.pid == os.getpid() and this.created <= time.time()
    assert this.alive
    assert this == ProcessIdentity.of(os.getpid())


def test_a_child_lives_until_it_ends() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = ProcessIdentity.of(child.pid)
        assert identity.alive
        child.communicate(b"\n")
    assert not identity.alive
    with pytest.raises(psutil.NoSuchProcess):
        ProcessIdentity.of(child.pid)


def test_a_zombie_does_not_live() -> None:
    """Its pid stays for as long as its parent does not ask how it ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        identity = ProcessIdentity.of(child.pid)
        assert child.stdin is not None
        child.stdin.close()
        deadline = time.monotonic() + 30
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert not identity.alive


@pytest.mark.parametrize(("seconds", "alive"), [(-1000.0, False), (-0.5, True), (0.5, True), (1000.0, False)])
def test_another_process_with_the_same_pid_is_not_it(seconds: float, alive: bool) -> None:
    """The system's clock may be set meanwhile, which moves what it says by fractions of a second."""
    this = ProcessIdentity.of_this_process()
    assert ProcessIdentity(this.pid, this.created + seconds).alive == alive


def test_a_process_of_another_boot_is_not_it() -> None:
    """After a reboot the same pid may begin as long after the boot."""
    this = ProcessIdentity.of_this_process()
    assert replace(this, began=this.began.replace("-", "x")).alive is False
    assert replace(this, began=f"0.0 {this.began.split(' ')[1]}").alive is False
