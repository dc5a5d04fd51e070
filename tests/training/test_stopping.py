"""A stop at any moment changes nothing: runs go on where they were, with the same end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.compare_runs import assert_same_run, best_epoch, history
from mien.datasets import FaceDataset, load_fer2013
from mien.training import fit
from mien.training.fit import Hardware, Run, train
from mien.training.recipe import Recipe

pytestmark = pytest.mark.slow

MakeRecipe = Callable[..., Recipe]


class TestStopping:
    """The command line in a process of its own, stopped by a signal."""

    @pytest.fixture
    def start(
        self, fer2013_csv: tuple[Path, Path], tiny_words: list[str], own_cache: Path
    ) -> Callable[..., subprocess.Popen[str]]:
        def start(out: Path, *words: str) -> subprocess.Popen[str]:
            data, votes = map(str, fer2013_csv)
            command = [sys.executable, "-m", "mien", "train", "--data", data, "--votes", votes, "--out", str(out)]
            return subprocess.Popen(
                [*command, *tiny_words, "--set", "epochs=12", "--device", "cpu", *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )

        return start

    @pytest.fixture
    def whole(self, tiny: MakeRecipe, fer2013_csv: tuple[Path, Path], tmp_path: Path) -> Path:
        """The same run in this process, never stopped."""
        train(tiny("epochs=12"), load_fer2013(*fer2013_csv), tmp_path / "whole", hardware=Hardware("cpu"))
        return tmp_path / "whole"

    def stop_after_two_epochs(self, process: subprocess.Popen[str], out: Path, number: int) -> int:
        """Lets two epochs end, so that the first has its checkpoint; returns how many ended before the process did."""
        for _ in range(6000):
            if Run(out).history.is_file() and len(history(out)) >= 2:
                break
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(60)
        return len(history(out))

    def test_killed_and_resumed_it_ends_as_if_never_stopped(
        self, start: Callable[..., subprocess.Popen[str]], whole: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "killed"
        process = start(out)
        assert 2 <= self.stop_after_two_epochs(process, out, signal.SIGKILL) < 12
        assert process.returncode == -signal.SIGKILL
        assert not (out / "mien.onnx").exists()
        process.communicate()

        resumed = start(out, "--resume")
        output, errors = resumed.communicate(timeout=120)
        assert resumed.returncode == 0, errors
        assert output == f"wrote {out / 'mien.onnx'}\n"
        assert "epoch 1/12" not in errors
        assert "epoch 12/12" in errors
        assert_same_run(whole, out)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_interrupted_it_says_how_to_go_on(
        self, number: signal.Signals, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
    ) -> None:
        out = tmp_path / "interrupted"
        process = start(out)
        assert 2 <= self.stop_after_two_epochs(process, out, number) < 12
        _, errors = process.communicate()
        assert process.returncode == 130, errors
        assert errors.splitlines()[-1].startswith("mien: stopped after epoch ")
        assert "--resume" in errors.splitlines()[-1]
        assert "Traceback" not in errors
        assert not (out / "mien.onnx").exists()

    def test_ctrl_c_leaves_a_run_that_goes_on(
        self,
        tiny: MakeRecipe,
        dataset: FaceDataset,
        tmp_path: Path,
        unexported: None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        recipe, before = tiny("epochs=4"), signal.getsignal(signal.SIGINT)
        train(recipe, dataset, tmp_path / "whole")
        steps = fit.ExpressionModule.training_step

        def interrupt(module: fit.ExpressionModule, batch: object, index: int) -> object:
            if (module.current_epoch, index) == (2, 1):
                handler = signal.getsignal(signal.SIGINT)  # a real signal is for the tests with a process of their own
                assert callable(handler)
                handler(signal.SIGINT, None)
            return steps(module, batch, index)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(fit.ExpressionModule, "training_step", interrupt)
            with pytest.raises(KeyboardInterrupt, match="stopped after epoch 2; --resume goes on from there"):
                train(recipe, dataset, tmp_path / "run")
        assert signal.getsignal(signal.SIGINT) is before
        assert len(history(tmp_path / "run")) == 2
        shutil.copytree(tmp_path / "run", tmp_path / "moved")
        for name in ("run", "moved"):
            train(recipe, dataset, tmp_path / name, resume=True)
            assert history(tmp_path / name) == history(tmp_path / "whole")
            assert best_epoch(tmp_path / name) == best_epoch(tmp_path / "whole")


def test_a_moved_run_remembers_its_best_epoch(
    tiny: MakeRecipe, dataset: FaceDataset, tmp_path: Path, unexported: None
) -> None:
    """Learning stands still, so that the first epoch stays the best whatever comes after it."""
    still = ("ema=0", "optimizer.learning_rate=1e-12", "schedule.small_size=0")
    train(tiny("epochs=2", *still), dataset, tmp_path / "run")
    assert best_epoch(tmp_path / "run") == 1
    shutil.copytree(tmp_path / "run", tmp_path / "moved")
    longer = tmp_path / "moved" / "recipe.toml"
    longer.write_text(longer.read_text().replace("epochs = 2", "epochs = 4"))
    train(tiny("epochs=4", *still), dataset, tmp_path / "moved", resume=True)
    assert len(history(tmp_path / "moved")) == 4
    assert best_epoch(tmp_path / "moved") == 1
