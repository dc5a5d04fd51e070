"""Carries out the Dockerfile's steps where there is no Docker: a clean folder, a clean virtual environment, a read-only
root, an own network, the image's user; starts the service, asks its health check and for a picture, and stops it.

    make container

Needs Linux and root for the read-only root, the network and the user; without, it says so and does the rest.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STEPS = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M))
ASK = """
import json, sys, urllib.request
picture = open(sys.argv[1], "rb").read()
request = urllib.request.Request("http://127.0.0.1:8000/v1/faces", picture, {"Content-Type": "image/jpeg"})
faces = json.load(urllib.request.urlopen(request, timeout=60))["images"][0]["faces"]
print(len(faces), faces[0]["emotion"])
"""


def said(word: str) -> list[str]:
    """What the Dockerfile says after a word, in order."""
    return re.findall(rf"^{word} (.*)$", STEPS, re.M)


def main() -> None:
    work = Path(tempfile.mkdtemp(prefix="mien-container-", dir="/var/tmp"))
    work.chmod(0o755)
    try:
        build(work)
        isolated = os.geteuid() == 0 and all(map(shutil.which, ("unshare", "setpriv", "ip")))
        if not isolated:
            print("not root, or no unshare: the root is not read-only, the network and the user are this machine's")
        run(work, isolated)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def build(work: Path) -> None:
    """The build stage: exactly what it copies, and its pip line, into a new environment."""
    source, environment = work / "source", work / "mien"
    source.mkdir()
    for words in (shlex.split(line) for line in said("COPY") if not line.startswith("--from")):
        for name in words[:-1]:
            place = source / words[-1] / (name if words[-1] == "./" else "")
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, place)
    python = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable  # the user must reach it
    subprocess.run([python, "-m", "venv", environment], check=True)
    (pip,) = (line for line in said("RUN") if "pip install" in line)
    subprocess.run(shlex.split(pip.replace("/opt/mien", str(environment)) + " --quiet"), cwd=source, check=True)
    shutil.copy(ROOT / "examples" / "eileen_collins.jpg", work / "picture.jpg")


def run(work: Path, isolated: bool) -> None:
    """The service as the image starts it, until its health check and a picture are answered."""
    values = dict(pair.split("=", 1) for line in said("ENV") for pair in shlex.split(line))
    values["PATH"] = values["PATH"].replace("/opt/mien", str(work / "mien")).replace("$PATH", os.environ["PATH"])
    values["MIEN_SERVE_NO_KEYS"] = "true"  # as compose.yaml says
    if not isolated:
        values["MIEN_SERVE_HOST"] = "127.0.0.1"
    (entry,), (check,), (user,) = said("ENTRYPOINT"), re.findall(r"CMD (\[.*python.*\])", STEPS), said("USER")
    as_user = f"setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs " if isolated else ""
    script = f"""
        set -e
        {"mount --make-rprivate /; mount --bind / /; cd /; mount -o remount,ro,bind /" if isolated else ""}
        {"mount -t tmpfs -o mode=1777 tmpfs /tmp; ip link set lo up" if isolated else ""}
        {as_user}{shlex.join(json.loads(entry))} &
        service=$!
        for attempt in $(seq 60); do
            if {as_user}{shlex.join(json.loads(check))} 2>/dev/null; then healthy=yes; break; fi
            sleep 1
        done
        test "$healthy" = yes
        {as_user}python -c {shlex.quote(ASK)} {work / "picture.jpg"}
        {"if touch /written 2>/dev/null; then echo the root can be written; exit 1; fi" if isolated else ""}
        kill -TERM $service
        wait $service
    """
    outer = ["unshare", "--mount", "--net"] if isolated else []
    began = time.monotonic()
    done = subprocess.run([*outer, "bash", "-c", script], env=values, capture_output=True, text=True, timeout=180)
    answered = done.stdout.strip().splitlines()
    if done.returncode or "1 happy" not in answered:
        sys.exit(f"the container's service failed ({done.returncode}):\n{done.stdout}\n{done.stderr}")
    print(f"the container's steps hold: installed, healthy, answered and stopped in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
