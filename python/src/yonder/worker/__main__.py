"""``python -I worker.pyz --socket PATH``: the manager's way in."""

from __future__ import annotations

import sys

from yonder.worker.zygote import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
