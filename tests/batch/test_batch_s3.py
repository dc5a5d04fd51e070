"""Buckets as sources and as the folder that is written; moto serves them on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import fsspec
import moto.server
import pytest
from written import parts_in, rows_in

from mien.batch.run import run_batch
from mien.batch.settings import Settings
from mien.batch.sources import find_files
from mien.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore")  # of the clients' own


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket called `mien`, as fsspec's file system for S3; this process and its children know the way."""
    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # its buckets outlive it
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    type(system).clear_instance_cache()
    system.mkdir("mien")
    try:
        yield system
    finally:
        type(system).clear_instance_cache()
        server.stop()


def local_rows(tree: Path, out: Path, settings: Settings) -> list[dict[str, Any]]:
    """What the same files give from the disk, under their names in the bucket."""
    run_batch([str(tree)], str(out), settings)
    return [row | {"source": row["source"].replace(str(tree), "s3://mien/in")} for row in rows_in(out)]


@pytest.mark.usefixtures("serial")
def test_from_a_bucket_into_a_bucket(bucket: Any, tree: Path, tmp_path: Path, settings: Settings) -> None:
    bucket.put(str(tree), "mien/in", recursive=True)
    assert len(find_files(["s3://mien/in"])) == 42
    assert find_files(["s3://mien/in/a0?.png"])[3] == "s3://mien/in/a03.png"
    tally = run_batch(["s3://mien/in"], "s3://mien/out", settings)
    assert (tally.done, tally.errors, tally.complete) == (42, 1, True)
    assert rows_in("mien/out", bucket) == local_rows(tree, tmp_path / "local", settings)
    assert json.loads(bucket.cat("mien/out/_manifest.json"))["complete"]["files"] == 42
    assert run_batch(["s3://mien/in"], "s3://mien/out", settings).before == 42
    with pytest.raises(InputError, match="begun with other options"):
        run_batch(["s3://mien/in"], "s3://mien/out", Settings(**{**vars(settings), "flip": True}))


@pytest.mark.usefixtures("serial")
def test_a_stopped_batch_in_a_bucket_goes_on(bucket: Any, tree: Path, settings: Settings, serial: list[str]) -> None:
    bucket.put(str(tree), "mien/in", recursive=True)

    def stop(tally: object, report: object) -> None:
        if len(serial) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch(["s3://mien/in"], "s3://mien/out", settings, progress=stop)
    tally = run_batch(["s3://mien/in"], "s3://mien/out", settings)
    assert tally.before > 0
    assert tally.before + tally.done == 42
    assert len(serial) == len(set(serial)) == 4


@pytest.mark.usefixtures("serial")
def test_what_is_not_in_the_bucket_is_a_row_and_no_bucket_is_told(
    bucket: Any, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "list.txt").write_text("s3://mien/gone.jpg\ns3://mien/gone.mp4\n")
    tally = run_batch([f"@{tmp_path}/list.txt"], str(tmp_path / "out"), settings)
    assert (tally.errors, tally.complete) == (2, True)
    assert {row["error"] for row in rows_in(tmp_path / "out")} == {"no such file. Check the path"}
    with pytest.raises(InputError, match="s3://nobucket/in"):
        find_files(["s3://nobucket/in"])


@pytest.mark.ray
def test_workers_on_ray_read_and_write_buckets(bucket: Any, tree: Path, tmp_path: Path, settings: Settings) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra 'scale'")
    ray.shutdown()  # one that runs already would not know the bucket's address
    bucket.put(str(tree), "mien/in", recursive=True)
    tally = run_batch(["s3://mien/in"], "s3://mien/out", settings, workers=2)
    assert (tally.done, tally.errors, tally.complete) == (42, 1, True)
    assert rows_in("mien/out", bucket) == local_rows(tree, tmp_path / "local", settings)
    assert parts_in(tmp_path / "local")
