"""`picture_worker` for tests: pictures of certain sizes do odd things.

A picture 1,001 pixels wide ends the process, one of 1,002 never ends, and one of 1,003 waits until the file HELD is
there.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from mien.images import size_of
from mien.serve import picture_worker


def main() -> None:
    find = picture_worker.find_in_large

    def odd(content: bytes, *arguments: Any) -> Any:
        width = size_of(content)[0]
        if width == 1001:
            os.abort()
        while width == 1002:
            time.sleep(1)
        while width == 1003 and not Path(os.environ["HELD"]).exists():
            time.sleep(0.01)
        return find(content, *arguments)

    picture_worker.find_in_large = odd
    picture_worker.main()


if __name__ == "__main__":
    main()
