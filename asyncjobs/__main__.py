"""`python -m asyncjobs`"""

from __future__ import annotations

import sys

from asyncjobs.cli import main

if __name__ == "__main__":
    sys.exit(main())
