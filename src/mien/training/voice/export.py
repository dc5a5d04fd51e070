"""From a trained voice network to its bundle: calibration, norms folded, ONNX, 8-bit weights, a comparison."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mien.datasets.voices import VoiceClips
from mien.errors import ExportError
from mien.evaluation.calibration import ClassScaling, fit_temperature, select_class_scaling
from mien.files import write_atomically
from mien.runtimes.onnx import METADATA_KEY
from mien.training.detector.export import without_notes
from mien.training.silenced_warnings import quiet_export
from mien.training.voice.network import VoiceNetwork
from mien.voice.bundle import DEFAULT, HEADS, INPUT, STRENGTH, VoiceBundle, VoiceHead, VoiceMetadata

LARGEST_DIFFERENCE = 0.35
"""Of any logit, between the network and the exported file, whose weights have 8 bits."""

LARGE = 512
"""Weights with at least so many numbers are kept in 8 bits, or, if they are the spectrogram's, in half precision."""

FRAMES = 8
"""Frames that a clip needs at least, so that every layer has something to read."""


class _ExportedVoice(nn.Module):
    """Return the answers as a tuple."""

    def __init__(self, network: VoiceNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        answers = self.network(sound)
        return answers.votes, answers.intended, answers.strength


def export_voice(network: VoiceNetwork, path: str | Path, metadata: VoiceMetadata) -> Path:
    """Write the bundle of a network and return its path.

    The file is run on made-up sound and compared with the network; one that differs is an ExportError, and nothing is
    written.
    """
    return write_atomically(path, voice_content(network, metadata))


def calibrated(answers: dict[str, npt.NDArray[np.float32]], clips: VoiceClips, name: str = DEFAULT) -> VoiceMetadata:
    """Return metadata with the calibration that fits answers best to the labels of clips whom training never heard.

    A head without labels stays as it is.
    """
    heads, share_temperature, strength = {}, 1.0, (1.0, 0.0)
    for head, labels in zip(HEADS, (clips.heard, clips.intended), strict=True):
        known = labels >= 0
        plain = ClassScaling(np.ones(len(clips.labels)), np.zeros(len(clips.labels)))
        if known.any():
            heads[head] = fit_head(answers[head][known], labels[known])
        else:
            heads[head] = VoiceHead(tuple(plain.factors), tuple(plain.offsets))
    if (voted := clips.votes.sum(axis=1) > 0).any():
        shares = clips.votes[voted] / clips.votes[voted].sum(axis=1, keepdims=True)
        share_temperature = fit_temperature(answers["votes"][voted], shares)
    known = np.isfinite(clips.strength)
    if known.sum() > 2 and np.ptp(answers["strength"][known]) > 1e-3:
        slope, summand = np.polyfit(answers["strength"][known], clips.strength[known], 1)
        strength = (float(slope), float(summand))
    return VoiceMetadata(name, clips.labels, heads=heads, share_temperature=share_temperature, strength=strength)


def fit_head(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> VoiceHead:
    """Return the calibration of a head: a class scaling, where there are clips enough, and a temperature."""
    k = logits.shape[1]
    scaling = select_class_scaling(logits, labels) or ClassScaling(np.ones(k), np.zeros(k))
    temperature = fit_temperature(scaling.apply(logits), labels)
    return VoiceHead(tuple(map(float, scaling.factors / temperature)), tuple(map(float, scaling.offsets / temperature)))


def voice_content(network: VoiceNetwork, metadata: VoiceMetadata) -> bytes:
    """Return the bytes of a network's bundle, run on made-up sound and compared."""
    recipe = network.spectrogram.recipe
    metadata = replace(metadata, rate=recipe.rate, shortest=recipe.window + FRAMES * recipe.hop)
    network = copy.deepcopy(network).float().eval()
    model = in_8_bits(to_onnx(folded(network), metadata.shortest))
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    content: bytes = model.SerializeToString()
    sound = made_up(recipe.rate)
    with torch.no_grad():
        expected = network(torch.from_numpy(sound))
    got = VoiceBundle(content, "the exported file").logits(sound)
    pairs = ((getattr(expected, name).numpy(), got[name]) for name in (*HEADS, STRENGTH))
    difference = max(float(np.abs(a - b).max()) for a, b in pairs)
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported file should agree with the network within {LARGEST_DIFFERENCE}, the largest difference is "
            f"{difference:.2g}. Nothing was written."
        )
    return content


def with_metadata(content: bytes, metadata: VoiceMetadata) -> bytes:
    """Return a bundle's bytes with another calibration and card; rate and shortest clip stay those of the network."""
    model = onnx.load_from_string(content)
    before = VoiceBundle(content).metadata
    changed = replace(metadata, rate=before.rate, shortest=before.shortest)
    onnx.helper.set_model_props(model, {METADATA_KEY: changed.to_json()})
    return bytes(model.SerializeToString())


def made_up(rate: int) -> npt.NDArray[np.float32]:
    """Return two clips of 1.5 s: a gliding tone with harmonics, and noise that comes and goes."""
    times = np.arange(int(1.5 * rate)) / rate
    phase = 2 * np.pi * (120 * times + 40 * np.sin(3 * times))
    tone = sum(np.sin(k * phase) / k for k in range(1, 9)) * (0.6 + 0.4 * np.sin(9 * times))
    noise = np.random.default_rng(0).normal(size=len(times)) * np.abs(np.sin(5 * times))
    return np.stack([0.1 * tone, 0.05 * noise]).astype(np.float32)


def folded(network: VoiceNetwork) -> VoiceNetwork:
    """Return the network with its batch norms in its kernels."""
    network = copy.deepcopy(network)
    for module in [each for each in network.modules() if isinstance(each, nn.Sequential)]:
        for k in range(len(module) - 1):
            kernel, norm = module[k], module[k + 1]
            if isinstance(kernel, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[k], module[k + 1] = fuse_conv_bn_eval(kernel, norm), nn.Identity()
    return network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload, no-any-return]


def to_onnx(network: VoiceNetwork, shortest: int) -> onnx.ModelProto:
    """Return the graph from `sound` float32 (N, samples) to the heads' logits and the strength."""
    example = torch.zeros(2, 4 * shortest)
    shapes = ({0: torch.export.Dim("clips", min=1, max=4096), 1: torch.export.Dim("samples", min=shortest, max=2**24)},)
    with torch.no_grad(), quiet_export():
        program = torch.onnx.export(
            _ExportedVoice(network).eval(),
            (example,),
            input_names=[INPUT],
            output_names=[*HEADS, STRENGTH],
            dynamic_shapes=shapes,
            dynamo=True,
            verbose=False,
            opset_version=18,
        )
    if program is None:
        raise ExportError("the ONNX exporter returned nothing")
    return without_notes(program.model_proto)


def in_8_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph with its kernels in 8 bits, a scale per output channel, and the spectrogram in half precision.

    They are brought back to float32 when the file is loaded.
    """
    model = copy.deepcopy(model)
    nodes: list[Any] = []
    added: list[Any] = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        name, small = weight.name, f"{weight.name}_small"
        if values.ndim != 4:  # kernels of the layers have four axes; the spectrogram's matrices have fewer
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), small))
            nodes.append(onnx.helper.make_node("Cast", [small], [name], to=onnx.TensorProto.FLOAT))
            continue
        scales = np.maximum(np.abs(values).max(axis=(1, 2, 3)), 1e-12).astype(np.float32) / 127
        rounded = np.round(values / scales[:, None, None, None]).astype(np.int8)
        weight.CopyFrom(onnx.numpy_helper.from_array(rounded, small))
        added += [
            onnx.numpy_helper.from_array(scales, f"{name}_scale"),
            onnx.numpy_helper.from_array(np.zeros(len(scales), np.int8), f"{name}_zero"),
        ]
        inputs = [small, f"{name}_scale", f"{name}_zero"]
        nodes.append(onnx.helper.make_node("DequantizeLinear", inputs, [name], axis=0))
    model.graph.initializer.extend(added)
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
