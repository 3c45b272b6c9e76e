"""The program on a machine that never syncs: the control of the power cuts, which must then fail.

Nothing in the program can switch this on; it replaces what the program calls, before it starts.
"""

import os
import runpy
import sys

from dispatch.state import durable

if __name__ == "__main__":
    os.fsync = lambda fd: None
    durable.sync_file_system = lambda folder: None
    sys.argv[0] = "dispatch"
    runpy.run_module("dispatch", run_name="__main__", alter_sys=True)
