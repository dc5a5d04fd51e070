"""How much the service costs: 1, 16 and 128 clients against the same work done directly.

`python -m benchmarks service` runs it.

The service is a process of its own with one worker, as `mien serve` starts it; clients speak HTTP over loopback, each
on one connection, and ask again as soon as they are answered. "Direct" is the same picture, decoded and read again and
again in a process without HTTP: one after the other, and from as many threads as the service has. All take turns in
many short rounds, because machines are shared and noisy, and are compared within a round. The processor's milliseconds
for each request say what no other work of the machine disturbs. Memory: `python -m benchmarks service_load`.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any
from urllib.request import urlopen

import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import describe, write_results
from benchmarks.speed import PHOTOGRAPH
from mien import EmotionRecognizer
from mien.documents import results_document
from mien.serve.engine import usable_cores

CLIENTS = (1, 16, 128)
DIRECT, DIRECT_THREADS = "direct, one after the other", "direct, threads"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="side of the picture in pixels (default: 256)")
    parser.add_argument("--requests", type=int, default=128, help="requests of each turn (default: 128)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds (default: 7)")
    options = parser.parse_args()
    content = picture(options.size)
    cores = usable_cores()
    recognizers = {
        DIRECT: (EmotionRecognizer(threads=0), 1),
        DIRECT_THREADS: (EmotionRecognizer(threads=1), cores),
    }
    with Service() as service:
        rounds = []
        for number in range(options.rounds):
            figures: dict[str, Any] = {}
            for name, (recognizer, threads) in recognizers.items():
                began = time.process_time()
                figures[name] = direct(recognizer, content, options.requests, threads)
                figures[name]["processor_ms"] = round(1e3 * (time.process_time() - began) / (options.requests + 1), 2)
            for clients in CLIENTS:
                count, began = max(options.requests, 2 * clients), service.processor_seconds()
                figures[f"{clients} clients"] = asyncio.run(ask(service.port, content, count, clients))
                passed = service.processor_seconds() - began
                figures[f"{clients} clients"]["processor_ms"] = round(1e3 * passed / count, 2)
            rounds.append(figures)
            show(f"round {number + 1}", figures)
    summary = summarize(rounds)
    show("medians", summary)
    write_results(
        "service",
        {
            "machine": describe(),
            "picture": {"side": options.size, "bytes": len(content)},
            "requests": options.requests,
            "rounds": rounds,
            "medians": summary,
        },
    )


def picture(size: int) -> bytes:
    """The portrait as a JPEG of that size."""
    content = io.BytesIO()
    Image.open(PHOTOGRAPH).resize((size, size), Image.Resampling.LANCZOS).save(content, "JPEG", quality=90)
    return content.getvalue()


def direct(recognizer: EmotionRecognizer, content: bytes, count: int, threads: int) -> dict[str, float]:
    """The same answers without HTTP, from the file's bytes to the JSON."""

    def read(_: int) -> float:
        began = time.perf_counter()
        json.dumps(results_document(recognizer.bundle.name, recognizer.labels, [recognizer.predict(content)]))
        return time.perf_counter() - began

    read(0)
    with ThreadPoolExecutor(threads) as pool:
        return timed(lambda: list(pool.map(read, range(count))))


async def ask(port: int, content: bytes, count: int, clients: int) -> dict[str, float]:
    """So many requests by so many clients."""
    left = iter(range(count))
    head = f"POST /v1/faces HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: image/jpeg\r\n"
    request = f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
    seconds: list[float] = []
    errors = 0

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            began = time.perf_counter()
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = int(re.findall(rb"content-length: (\d+)", answer)[0])
            body = await reader.readexactly(length)
            seconds.append(time.perf_counter() - began)
            errors += not answer.startswith(b"HTTP/1.1 200") or b'"emotion": "happy"' not in body
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return {**figures_of(seconds, time.perf_counter() - began), "errors": errors}


def timed(work: Callable[[], list[float]]) -> dict[str, float]:
    began = time.perf_counter()
    seconds = work()
    return figures_of(seconds, time.perf_counter() - began)


def figures_of(seconds: list[float], passed: float) -> dict[str, float]:
    p50, p95, p99 = (float(value) * 1e3 for value in np.percentile(seconds, [50, 95, 99]))
    return {
        "per_second": round(len(seconds) / passed, 2),
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "p99_ms": round(p99, 1),
    }


def summarize(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of the rounds.

    `cost` is the share of the direct throughput, the better of the two, that is lost; `to_one` the throughput as a
    multiple of one client's; `processor` the processor's time as a multiple of the direct call's, one after the other.
    """
    names = list(rounds[0])
    summary = {
        name: {key: round(median(each[name][key] for each in rounds), 2) for key in rounds[0][name]} for name in names
    }
    for clients in CLIENTS:
        name = f"{clients} clients"
        rivals = (DIRECT,) if clients == 1 else (DIRECT, DIRECT_THREADS)
        costs = [1 - each[name]["per_second"] / max(each[rival]["per_second"] for rival in rivals) for each in rounds]
        summary[name]["cost"] = round(median(costs), 3)
        for key, what, rival in (("to_one", "per_second", "1 clients"), ("processor", "processor_ms", DIRECT)):
            summary[name][key] = round(median(each[name][what] / each[rival][what] for each in rounds), 2)
    return summary


def show(title: str, figures: dict[str, Any]) -> None:
    print(f"{title:30} {'per second':>10} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8} {'errors':>7} {'cost':>6}")
    for name, values in figures.items():
        cost = f"{values['cost']:.1%}" if "cost" in values else ""
        print(
            f"{name:30} {values['per_second']:10.1f} {values['p50_ms']:8.1f} {values['p95_ms']:8.1f} "
            f"{values['processor_ms']:8.2f} {values.get('errors', 0):7.0f} {cost:>6}",
            flush=True,
        )


class Service:
    """`mien serve` on a free port, without a limit on requests."""

    def __enter__(self) -> Service:
        command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--rate", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.port = int(re.findall(r":(\d+)$", self.process.stdout.readline().strip())[0])
        while not self._is_ready():
            time.sleep(0.1)
        return self

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def processor_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)


if __name__ == "__main__":
    main()
