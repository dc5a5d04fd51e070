from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mien.datasets import FaceDataset
from mien.labels import FER2013
from mien.preprocess import InputSpec, to_input
from mien.report import saliency
from mien.report.gradcam import load_network
from mien.runs import open_model_source
from mien.training.models import build

pytestmark = pytest.mark.slow

SPEC = InputSpec(44)


def test_squeeze_and_excitation_is_read(run: Path, data: FaceDataset) -> None:
    network = load_network(open_model_source(run))
    attention = saliency.read_attention(network, data.faces[:10], SPEC)
    assert {name: values.shape for name, values in attention.channels.items()} == {
        "blocks.0.scale": (10, 8),
        "blocks.1.scale": (10, 16),
    }
    assert not attention.spatial
    with torch.no_grad():
        stem = network.stem(torch.from_numpy(to_input(data.faces[:10], SPEC)))
        expected = network.blocks[0].scale.factors(network.blocks[0].residual(stem)).squeeze().numpy()
    np.testing.assert_allclose(attention.channels["blocks.0.scale"], expected, atol=1e-6)


def test_cbam_has_channels_and_places(other_run: Path, data: FaceDataset) -> None:
    network = load_network(open_model_source(other_run))
    attention = saliency.read_attention(network, data.faces[:10], SPEC)
    assert [values.shape for values in attention.channels.values()] == [(10, 8), (10, 16)]
    assert [maps.shape for maps in attention.spatial.values()] == [(10, 22, 22), (10, 11, 11)]
    assert all(0 <= values.min() <= values.max() <= 1 for values in attention.spatial.values())
    figure = saliency.spatial_attention(data.faces[:10], attention.spatial, SPEC)
    assert figure.axes[0].texts[0].get_text() == "blocks.0"


def test_a_network_without_attention_has_none(data: FaceDataset) -> None:
    network = build("plain-cnn", {}, {"fer2013": 7}, 48).eval()
    assert not saliency.read_attention(network, data.faces[:2], InputSpec(48))


def test_class_maps_ask_for_what_is_read_right(data: FaceDataset) -> None:
    faces = data.split("PublicTest")
    p = np.eye(7, dtype=np.float32)[np.where(faces.labels == 2, 0, faces.labels)]  # fear is never read right
    asked: list[np.ndarray] = []

    def maps_of(crops: np.ndarray, classes: np.ndarray) -> np.ndarray:
        asked.append(classes)
        return np.ones((len(crops), 48, 48), np.float32)

    figure = saliency.class_maps(faces.faces, p, faces.labels, FER2013.names, maps_of, 2)
    assert figure is not None
    assert sorted(set(np.concatenate(asked).tolist())) == [0, 1, 3, 4, 5, 6]
    assert np.bincount(asked[0]).max() <= 2
    named = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "happy" in named
    assert "fear" not in named


def test_a_model_that_is_never_right_has_no_maps(data: FaceDataset) -> None:
    p = np.eye(7, dtype=np.float32)[(data.labels + 1) % 7]
    assert saliency.class_maps(data.faces, p, data.labels, FER2013.names, lambda f, c: f, 2) is None


def test_channels_in_which_classes_differ_are_shown() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(70) % 7
    values = rng.uniform(0.45, 0.55, (70, 60)).astype(np.float32)
    values[labels == 3, 11] = 1.0
    figure = saliency.channel_attention({"blocks.0.scale": values}, labels, FER2013.names)
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["every block", "blocks.0, by class"]
    drawn = np.asarray(figure.axes[1].collections[0].get_array()).reshape(7, 40)
    assert drawn.max() > 0.35
    assert drawn.max(axis=1).argmax() == 3
