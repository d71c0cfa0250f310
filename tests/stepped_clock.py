"""python -m tests.stepped_clock SECONDS CODE: runs `code` as a command that is started after the clock was set.

The kernel reckons its boot time from the clock, so a set clock moves /proc/stat's `btime` by as much, which is what
psutil adds to a process's start. To set the machine's own clock is not a test's business.
"""

import sys
import time

import psutil

system = psutil._psplatform

if __name__ == "__main__":
    seconds, boot_time, now = float(sys.argv[1]), system.boot_time, time.time
    system.boot_time = psutil.boot_time = lambda: boot_time() + seconds
    time.time = lambda: now() + seconds
    exec(sys.argv[2])
