"""Installs the extras `live` and `centerface` from scratch and uses both: two builds of OpenCV then share one folder.

    make install-check
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
USE = """
import numpy as np
from mien import EmotionRecognizer
from mien.live.window import Window
faces = {name: EmotionRecognizer(detector=name).predict("examples/eileen_collins.jpg") for name in ("mien-face", "centerface")}
print({name: [face.emotion for face in found] for name, found in faces.items()})
assert all(len(found) == 1 for found in faces.values()), faces
window = Window("mien")
window.show(np.zeros((48, 64, 3), np.uint8))
assert window.key() == "" and not window.closed
window.close()
print("the window opens")
"""


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mien-install-", dir="/var/tmp") as folder:
        python = Path(folder) / "bin" / "python"
        run(sys.executable, "-m", "venv", folder)
        install = ["install", "--quiet", "--disable-pip-version-check", "-c", "constraints.txt", ".[live,centerface]"]
        run(str(python), "-m", "pip", *install)
        run(str(python), "-c", USE, SDL_VIDEODRIVER="dummy")


def run(*command: str, **environment: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, env=os.environ | environment)


if __name__ == "__main__":
    main()
