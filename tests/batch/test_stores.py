"""Object stores as sources and as the folder that is written; each is served by an emulator on this machine."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import fsspec
import gcp_storage_emulator.server
import moto.server
import pytest

from helpers.batch_files import parts_in, rows_in
from mien.batch.run import run_batch
from mien.batch.settings import ReadSettings
from mien.batch.sources import fetch, find_files
from mien.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the warnings are the clients' own

AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What Azurite's documentation gives as its account; it opens nothing else."""


@contextmanager
def s3() -> Iterator[dict[str, str]]:
    server = moto.server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()  # its buckets outlive it
    try:
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.stop()


@contextmanager
def gs() -> Iterator[dict[str, str]]:
    port = free_port()
    server = gcp_storage_emulator.server.create_server("127.0.0.1", port, in_memory=True)
    server.start()
    try:
        yield {
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}",
            "FSSPEC_GS_TOKEN": "anon",
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # asks by gRPC, which the emulator does not speak
        }
    finally:
        server.stop()


@contextmanager
def az() -> Iterator[dict[str, str]]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("needs Azurite: npm install -g azurite")
    port = free_port()
    words = ["--inMemoryPersistence", "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    with subprocess.Popen([program, *words, "--blobPort", str(port)], stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            url = f"http://127.0.0.1:{port}/{AZURITE_ACCOUNT}"
            parts = ("DefaultEndpointsProtocol=http", f"AccountName={AZURITE_ACCOUNT}", f"AccountKey={AZURITE_KEY}")
            yield {"AZURE_STORAGE_CONNECTION_STRING": ";".join([*parts, f"BlobEndpoint={url};"])}
        finally:
            server.terminate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens at port {port}")


EMULATORS: tuple[Callable[[], AbstractContextManager[dict[str, str]]], ...] = (s3, gs, az)


class Bucket:
    """An empty bucket called `mien` in one of the stores."""

    def __init__(self, scheme: str) -> None:
        self.url = f"{scheme}://mien"
        self.files = fsspec.filesystem(scheme, skip_instance_cache=True)
        type(self.files).clear_instance_cache()
        self.files.mkdir("mien")


@pytest.fixture(params=EMULATORS, ids=lambda emulator: str(emulator.__name__))
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """This process and its children know the way to it."""
    with request.param() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(fsspec.config, "conf", dict(fsspec.config.conf))
        fsspec.config.set_conf_env(fsspec.config.conf)
        bucket = Bucket(request.param.__name__)
        try:
            yield bucket
        finally:
            type(bucket.files).clear_instance_cache()


def local_rows(tree: Path, out: Path, settings: ReadSettings, bucket: Bucket) -> list[dict[str, Any]]:
    """What the same files give from the disk, under their names in the bucket."""
    run_batch([str(tree)], str(out), settings)
    return [row | {"source": row["source"].replace(str(tree), f"{bucket.url}/in")} for row in rows_in(out)]


@pytest.mark.usefixtures("serial")
def test_from_a_bucket_into_a_bucket(bucket: Bucket, tree: Path, tmp_path: Path, settings: ReadSettings) -> None:
    bucket.files.put(str(tree), "mien/in", recursive=True)
    assert len(find_files([f"{bucket.url}/in"])) == 42
    assert find_files([f"{bucket.url}/in/a0?.png"])[3] == f"{bucket.url}/in/a03.png"
    tally = run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", settings)
    assert (tally.done, tally.errors, tally.complete) == (42, 1, True)
    assert rows_in("mien/out", bucket.files) == local_rows(tree, tmp_path / "local", settings, bucket)
    assert json.loads(bucket.files.cat("mien/out/_manifest.json"))["complete"]["files"] == 42
    assert run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", settings).before == 42
    with pytest.raises(InputError, match="begun with other options"):
        run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", ReadSettings(**{**vars(settings), "flip": True}))
    bucket.files.pipe_file("mien/odd/[1]*.jpg", b"odd")
    assert fetch([f"{bucket.url}/odd/[1]*.jpg"]) == [b"odd"]


@pytest.mark.usefixtures("serial")
def test_a_stopped_batch_in_a_bucket_goes_on(
    bucket: Bucket, tree: Path, settings: ReadSettings, serial: list[str]
) -> None:
    bucket.files.put(str(tree), "mien/in", recursive=True)

    def stop(tally: object, report: object) -> None:
        if len(serial) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", settings, progress=stop)
    tally = run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", settings)
    assert tally.before > 0
    assert tally.before + tally.done == 42
    assert len(serial) == len(set(serial)) == 4


@pytest.mark.usefixtures("serial")
def test_what_is_not_in_the_bucket_is_a_row_and_no_bucket_is_told(
    bucket: Bucket, tmp_path: Path, settings: ReadSettings
) -> None:
    (tmp_path / "list.txt").write_text(f"{bucket.url}/gone.jpg\n{bucket.url}/gone.mp4\n")
    tally = run_batch([f"@{tmp_path}/list.txt"], str(tmp_path / "out"), settings)
    assert (tally.errors, tally.complete) == (2, True)
    assert {row["error"] for row in rows_in(tmp_path / "out")} == {"no such file. Check the path"}
    with pytest.raises(InputError, match=bucket.url.replace("mien", "nobucket")):
        find_files([bucket.url.replace("mien", "nobucket")])


@pytest.mark.ray
def test_workers_on_ray_read_and_write_buckets(
    bucket: Bucket, tree: Path, tmp_path: Path, settings: ReadSettings
) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra 'scale'")
    ray.shutdown()  # one that runs already would not know the bucket's address
    bucket.files.put(str(tree), "mien/in", recursive=True)
    tally = run_batch([f"{bucket.url}/in"], f"{bucket.url}/out", settings, workers=2)
    assert (tally.done, tally.errors, tally.complete) == (42, 1, True)
    assert rows_in("mien/out", bucket.files) == local_rows(tree, tmp_path / "local", settings, bucket)
    assert parts_in(tmp_path / "local")
