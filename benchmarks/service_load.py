"""What one client can do to the others, and how much memory the service takes.

`python -m benchmarks service_load` runs both parts; `--soak 0` leaves out the second.

Fairness: a small picture (256 x 256 pixels) again and again from one client, then a live stream (640 x 480) whose next
frame is sent when the last is answered; on an idle service, beside a client that sends forms of 16 photographs of
12 megapixels, and beside one that sends forms of 32 PNGs of 40 megapixels, which are small as files. All clients have
the same address and no keys, which is the worst case: they are one client to the service. All conditions take turns in
each round, and are compared with the idle service of the same round.

Soak: many requests of all kinds at once (MIX says how many of a thousand), with default limits and one worker. Resident
memory is read every tenth of a second, of the server and of the processes that it starts, and reported apart.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import psutil
from PIL import Image
from websockets.asyncio.client import connect

from benchmarks.machine import describe, write_results
from benchmarks.service import Service, ask, picture
from benchmarks.speed import PHOTOGRAPH

GROUP = PHOTOGRAPH.with_name("contact_sheet.jpg")
FORM = "multipart/form-data; boundary=x"
MIX = {
    "small picture (256 x 256)": 900,
    "picture of 1 megapixel": 50,
    "picture of 35 megapixels, JPEG": 15,
    "picture of 35 megapixels, PNG": 5,
    "form of 8 small pictures and one of 12 megapixels": 20,
    "live stream of 20 frames": 8,
    "video of 2 s": 2,
}
"""Of a thousand requests of the soak."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the fairness part (default: 3)")
    parser.add_argument("--seconds", type=float, default=8.0, help="seconds of each measurement (default: 8)")
    parser.add_argument("--soak", type=int, default=10_000, help="requests of the soak (default: 10,000)")
    parser.add_argument("--clients", type=int, default=8, help="clients of the soak (default: 8)")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": describe(), "rounds": [], "mix": MIX}
    with Service() as service:
        for number in range(options.rounds):
            results["rounds"].append(asyncio.run(fairness_round(service, options.seconds)))
            print(f"round {number + 1}: {results['rounds'][-1]}", flush=True)
    results["fairness"] = summarize(results["rounds"]) if options.rounds else {}
    print(results["fairness"])
    if options.soak:
        with Service() as service:
            results["soak"] = asyncio.run(soak(service, options.soak, options.clients))
        print(results["soak"])
    write_results("service_load", results)


# -- fairness


async def fairness_round(service: Service, seconds: float) -> dict[str, Any]:
    """The figures of a small picture and of a stream in each condition."""
    conditions = {
        "idle": b"",
        "16 photographs of 12 megapixels": form([group(12)] * 16),
        "32 PNGs of 40 megapixels": form([flat(40, "PNG")] * 32),
    }
    figures = {}
    for name, body in conditions.items():
        answers: Counter[int] = Counter()
        task = asyncio.create_task(repeat(service.port, body, answers)) if body else None
        await asyncio.sleep(1.0)
        small = await repeated_small(service.port, seconds)
        frames = await stream(service.port, seconds)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            while await waiting(service.port):
                await asyncio.sleep(0.1)
        figures[name] = {**small, "frames_per_second": round(frames / seconds, 1), "forms": dict(answers)}
    return figures


async def repeat(port: int, body: bytes, answers: Counter[int]) -> None:
    """Send a form again and again, and count the answers by status."""
    while True:
        answers[await post(port, "/v1/faces", body, FORM)] += 1


async def repeated_small(port: int, seconds: float) -> dict[str, float]:
    """Milliseconds of a small picture's answers from one client."""
    content, end, passed = picture(256), time.monotonic() + seconds, []
    while time.monotonic() < end:
        began = time.perf_counter()
        figures = await ask(port, content, 1, 1)
        assert not figures["errors"]
        passed.append(1e3 * (time.perf_counter() - began))
    p50, p95 = np.percentile(passed, [50, 95])
    return {"p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "most_ms": round(max(passed), 1)}


async def stream(port: int, seconds: float, most: int = 10**9) -> int:
    """Frames of one live stream that are answered; the next is sent when the last is answered."""
    content, end, count = frame(), time.monotonic() + seconds, 0
    async with connect(f"ws://127.0.0.1:{port}/v1/stream") as socket:
        while time.monotonic() < end and count < most:
            await socket.send(content)
            assert '"image"' in str(await socket.recv())
            count += 1
    return count


async def waiting(port: int) -> bool:
    """Whether pictures wait or are processed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    text = await reader.read()
    writer.close()
    return b"\nmien_queue 0.0" not in text


def summarize(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over rounds, and of the ratios to the idle service of the same round."""
    names = list(rounds[0])
    keys = ("p50_ms", "p95_ms", "most_ms", "frames_per_second")
    return {
        name: {
            **{key: round(median(each[name][key] for each in rounds), 1) for key in keys},
            "p95_to_idle": round(median(each[name]["p95_ms"] / each["idle"]["p95_ms"] for each in rounds), 2),
            "frames_to_idle": round(
                median(each[name]["frames_per_second"] / each["idle"]["frames_per_second"] for each in rounds), 2
            ),
        }
        for name in names
    }


# -- soak


async def soak(service: Service, count: int, clients: int) -> dict[str, Any]:
    """So many requests of the mix, in a random order that is always the same."""
    with TemporaryDirectory() as folder:
        requests = kinds(service.port, Path(folder))
    names = [name for name, share in MIX.items() for _ in range(share * count // 1000)]
    random.Random(0).shuffle(names)
    left, done = iter(names), 0
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    after: list[float] = []
    watching = Memory(service.process.pid)
    began = time.monotonic()

    async def client() -> None:
        nonlocal done
        for name in left:
            statuses[name][await requests[name]()] += 1
            done += 1
            if done % max(1, len(names) // 10) == 0:
                after.append(watching.now()["server"])
                print(f"{done} requests, {time.monotonic() - began:.0f} s, most MB: {watching.most}", flush=True)

    watcher = asyncio.create_task(watching.watch())
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.monotonic() - began
    await asyncio.sleep(35)  # processes for large pictures end when they are idle
    watcher.cancel()
    return {
        "requests": len(names),
        "clients": clients,
        "seconds": round(seconds, 1),
        "statuses": {name: dict(found) for name, found in statuses.items()},
        "megabytes_before": watching.before,
        "server_megabytes_after_each_tenth": after,
        "most_megabytes": watching.most,
        "megabytes_35_s_after": watching.now(),
    }


class Memory:
    """Resident megabytes of the server and of the processes that it starts, by module; and of all of them together.

    Each process's resident memory includes the libraries' pages, which they share; the sum counts them once (PSS).
    """

    def __init__(self, process: int) -> None:
        self._server = psutil.Process(process)
        self.before = self.now()
        self.most = dict(self.before)

    def now(self) -> dict[str, float]:
        found: dict[str, float] = {"server": self._server.memory_info().rss / 1e6}
        for child in self._server.children():
            with suppress(psutil.Error, IndexError):
                words = child.cmdline()
                name = words[words.index("-m") + 1].rpartition(".")[2] if "-m" in words else "starting"
                found[name] = found.get(name, 0.0) + child.memory_info().rss / 1e6
        found["all, shared pages counted once"] = self._proportional()
        return {name: round(value, 1) for name, value in found.items()}

    def _proportional(self) -> float:
        total = 0.0
        for process in (self._server, *self._server.children()):
            with suppress(psutil.Error, AttributeError):
                total += process.memory_full_info().pss / 1e6
        return total

    async def watch(self) -> None:
        while True:
            for name, value in self.now().items():
                self.most[name] = max(self.most.get(name, 0.0), value)
            await asyncio.sleep(0.1)


def kinds(port: int, folder: Path) -> dict[str, Callable[[], Any]]:
    """What sends a request of each kind of MIX and returns its status."""
    small, clip = picture(256), video(folder / "clip.mp4")
    bodies = [
        (small, "image/jpeg"),
        (group(1), "image/jpeg"),
        (group(35), "image/jpeg"),
        (flat(35, "PNG"), "image/png"),
        (form([small] * 8 + [group(12)]), FORM),
    ]
    senders: list[Callable[[], Any]] = [
        *(lambda body=body, kind=kind: post(port, "/v1/faces", body, kind) for body, kind in bodies),
        lambda: one_stream(port),
        lambda: post(port, "/v1/videos", clip, "video/mp4"),
    ]
    return dict(zip(MIX, senders, strict=True))


async def one_stream(port: int) -> int:
    return 200 if await stream(port, 60.0, 20) == 20 else 0


async def post(port: int, path: str, body: bytes, kind: str) -> int:
    """Send a body on a connection of its own and return the answer's status; 0: there was none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: {kind}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.close()
        return int(answer[9:12])
    except (OSError, ValueError):
        return 0


def form(pictures: list[bytes]) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a"\r\n\r\n'
    return b"".join(head + content + b"\r\n" for content in pictures) + b"--x--\r\n"


def group(megapixels: float) -> bytes:
    """The group photograph as a JPEG of that size, 4 to 3."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    content = io.BytesIO()
    Image.open(GROUP).convert("RGB").resize((width, width * 3 // 4)).save(content, "JPEG", quality=85)
    return content.getvalue()


def flat(megapixels: float, kind: str) -> bytes:
    """A picture of one colour, 8 to 5: a small file."""
    width = int((megapixels * 1e6 * 8 / 5) ** 0.5)
    content = io.BytesIO()
    Image.new("RGB", (width, width * 5 // 8), (90, 60, 30)).save(content, kind)
    return content.getvalue()


def frame() -> bytes:
    """The portrait in a camera's frame of 640 x 480."""
    content = io.BytesIO()
    whole = Image.new("RGB", (640, 480), (128, 128, 128))
    whole.paste(Image.open(PHOTOGRAPH).convert("RGB").resize((300, 300)), (170, 90))
    whole.save(content, "JPEG", quality=85)
    return content.getvalue()


def video(path: Path) -> bytes:
    """50 frames of the portrait, 25 a second."""
    still = np.asarray(Image.open(PHOTOGRAPH).convert("RGB").resize((640, 640)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 640, "yuv420p"
        for k in range(50):
            for packet in stream.encode(av.VideoFrame.from_ndarray(np.roll(still, 2 * k, axis=1), format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path.read_bytes()


if __name__ == "__main__":
    main()
