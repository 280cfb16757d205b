"""Runs a command for which the modes of files hold, root or not: `python -m tests.crash.faults.modes COMMAND...`."""

from __future__ import annotations

import ctypes
import os
import sys

PR_CAPBSET_DROP = 24  # <linux/prctl.h>
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2  # <linux/capability.h>


def main() -> None:
    if os.geteuid() == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                sys.exit("root may not give up what lets it write everywhere")
    os.execvp(sys.argv[1], sys.argv[1:])  # capabilities are looked at anew


if __name__ == "__main__":
    main()
