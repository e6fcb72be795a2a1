"""Run another program's main function and print what it cost without its imports.

    python timed.py MODULE:FUNCTION ARGUMENT ...

Its last line is {"cpu_s": ...}: user and system seconds of all threads and of children that ended.
It stands alone, since a peer's own Python runs it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from time import process_time


def spent_s() -> float:
    """Return CPU seconds of this process and of its children so far."""
    children = os.times()
    return process_time() + children.children_user + children.children_system


def main() -> int:
    """Import, then run what is named."""
    module, _, function = sys.argv[1].partition(":")
    sys.argv[:2] = [module]
    entry = getattr(importlib.import_module(module), function)
    before = spent_s()
    try:
        code = entry()
    except SystemExit as end:
        code = end.code
    print(json.dumps({"cpu_s": spent_s() - before, "imports_s": before}))
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    raise SystemExit(main())
