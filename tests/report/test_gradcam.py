from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.datasets import FaceDataset
from mien.errors import BundleError, InputError
from mien.preprocess import InputSpec, to_input
from mien.report import gradcam, sections
from mien.report.gradcam import grad_cam, load_network, occlusion, on_frame, overlay
from mien.runs import open_model_source

pytestmark = pytest.mark.slow

CORNERS = (slice(0, 24), slice(24, 48))


class Corners(nn.Module):
    """Class 0 is how bright the upper left quarter is, 1 the upper right one, 2 and 3 those below."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.ReLU(inplace=inplace))
        self.pool = nn.AdaptiveAvgPool2d(2)
        nn.init.constant_(self.features[0].weight, 1 / 9)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        quarters = self.pool(self.features(x))  # (N, 4, 2, 2), the same in every channel
        return {"fer2013": quarters.mean(1).flatten(1)}


class Bright:
    """The same for occlusion, in numpy."""

    def logits(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        means = [crops[:, rows, columns].mean(axis=(1, 2)) for rows in CORNERS for columns in CORNERS]
        return {"fer2013": np.stack(means, axis=1).astype(np.float32)}


def one_bright_corner() -> np.ndarray:
    """A dark face with a bright spot in the middle of every quarter: uint8 (4, 48, 48), the same four times."""
    face = np.full((48, 48), 20, np.uint8)
    for y in (12, 36):
        for x in (12, 36):
            face[y - 4 : y + 4, x - 4 : x + 4] = 240
    return np.repeat(face[None], 4, axis=0)


def shares_of_quarters(heat: np.ndarray) -> np.ndarray:
    sums = np.array([heat[rows, columns].sum() for rows in CORNERS for columns in CORNERS])
    return sums / sums.sum()


def test_grad_cam_is_the_formula() -> None:
    """The mean gradient over places weighs the channels, and what is below 0 is cut."""
    torch.manual_seed(0)
    spec = InputSpec(48)
    body = nn.Sequential(nn.Conv2d(1, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 6, 3, padding=1), nn.ReLU())
    weights = torch.randn(3, 6, 48, 48)

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"fer2013": torch.einsum("nchw,kchw->nk", self.body(x), weights)}

    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    with torch.no_grad():
        features = body(torch.from_numpy(to_input(crops, spec)))
    expected = torch.relu(torch.einsum("nchw,nc->nhw", features, weights[[2, 0]].mean((2, 3)))).numpy()
    expected /= expected.max(axis=(1, 2), keepdims=True)
    got = grad_cam(Plain().eval(), crops, "fer2013", np.array([2, 0]), spec)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("inplace", [True, False])
def test_grad_cam_takes_the_map_after_its_activation(inplace: bool) -> None:
    """A layer that works in place must not spoil what is kept."""
    network = Corners(inplace).eval()
    maps = grad_cam(network, one_bright_corner(), "fer2013", np.arange(4), InputSpec(48, mean=0, std=255))
    assert maps.shape == (4, 48, 48)
    assert maps.dtype == np.float32
    for heat in maps:
        assert heat.max() == 1
        bright = heat[one_bright_corner()[0] > 100].mean()
        assert bright > 5 * heat[one_bright_corner()[0] < 100].mean()


def test_grad_cam_lights_only_the_corner_that_counts() -> None:
    class OneCorner(nn.Module):
        """A feature map that is 0 but in one corner, as what a class-specific filter finds."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 4, 1, bias=False)
            self.register_buffer("masks", torch.zeros(1, 4, 48, 48))
            for k, (y, x) in enumerate((y, x) for y in (0, 24) for x in (0, 24)):
                self.masks[0, k, y : y + 24, x : x + 24] = 1
            self.gate = Gate(self.masks)
            nn.init.constant_(self.conv.weight, 1.0)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"fer2013": self.gate(self.conv(x)).mean((2, 3))}

    class Gate(nn.Module):
        def __init__(self, masks: Tensor) -> None:
            super().__init__()
            self.masks = masks

        def forward(self, x: Tensor) -> Tensor:
            return x * self.masks

    spec = InputSpec(48, mean=0, std=255)
    maps = grad_cam(OneCorner().eval(), one_bright_corner(), "fer2013", np.arange(4), spec)
    for k, heat in enumerate(maps):
        assert shares_of_quarters(heat)[k] > 0.999


def test_occlusion_lights_only_the_corner_that_counts() -> None:
    done = []
    maps = occlusion(Bright(), one_bright_corner(), "fer2013", np.arange(4), done.append)
    for k, heat in enumerate(maps):
        shares = shares_of_quarters(heat)
        assert shares.argmax() == k
        assert shares[k] > 0.75  # squares reach over the edges of a quarter
        assert heat.max() == 1
    assert done == sorted(done)
    assert done[-1] == 1


def test_batches_change_nothing(run: Path, data: FaceDataset) -> None:
    network = load_network(open_model_source(run))
    spec = InputSpec(44)
    faces = data.split("PublicTest")
    one = grad_cam(network, faces.faces, "ferplus", faces.labels, spec)
    other = grad_cam(network, faces.faces, "ferplus", faces.labels, spec, batch=4)
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_outside_the_window_there_is_nothing() -> None:
    frame = on_frame(np.ones((1, 5, 5), np.float32), InputSpec(44))
    assert frame.shape == (1, 48, 48)
    assert (frame[0, 2:46, 2:46] == 1).all()
    assert frame.sum() == 44 * 44


def test_the_network_of_a_run_answers_as_its_bundle(run: Path, data: FaceDataset) -> None:
    subject = open_model_source(run)
    network = load_network(subject)
    crops = data.faces[:8]
    with torch.no_grad():
        logits = network(torch.from_numpy(to_input(crops, subject.bundle.metadata.input)))
    for head, expected in subject.bundle.logits(crops).items():
        np.testing.assert_allclose(logits[head].numpy(), expected, atol=1e-3)


def test_a_bundle_alone_has_no_network(bundle: Path) -> None:
    with pytest.raises(InputError, match=r"needs a run with checkpoints/best\.ckpt"):
        load_network(open_model_source(bundle))


def test_weights_of_another_network_are_told(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    shutil.copytree(run, folder)
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(recipe.replace("stem = 8", "stem = 12"))
    with pytest.raises(BundleError, match="do not fit the network 'se-resnet'"):
        load_network(open_model_source(folder))


def test_a_network_without_feature_maps_is_told() -> None:
    class Dense(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(48 * 48, 7)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"fer2013": self.dense(x.flatten(1))}

    with pytest.raises(InputError, match="expected a network with a convolutional feature map"):
        grad_cam(Dense(), one_bright_corner(), "fer2013", np.arange(4), InputSpec(48))


def test_patches_are_no_feature_map() -> None:
    """A vision transformer's only convolution cuts its patches: gradients there say little."""

    class Patches(Corners):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 4, 8, stride=8))

    with pytest.raises(InputError, match="expected a network with a convolutional feature map"):
        grad_cam(Patches(), one_bright_corner(), "fer2013", np.arange(4), InputSpec(48))


@pytest.mark.parametrize("where", ["load_network", "last_features"])
def test_without_gradients_the_report_falls_back(run: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise InputError("no network")

    subject = open_model_source(run)
    assert sections._with_gradients(subject) is not None
    monkeypatch.setattr(gradcam, where, refuse)
    assert sections._with_gradients(subject) is None


def test_overlays_are_warm_where_the_map_is_high() -> None:
    heat = np.zeros((48, 48), np.float32)
    heat[:24] = 1
    picture = overlay(np.full((48, 48), 128, np.uint8), heat)
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8
    assert (picture[70:] == 128).all()
    red, _, blue = picture[:30].reshape(-1, 3).mean(axis=0)
    assert red > blue + 30
