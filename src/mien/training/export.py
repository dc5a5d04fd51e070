"""Export a trained network as a bundle: ONNX, calibration, a comparison on real crops, metadata."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from mien.bundle import Bundle, softmax
from mien.datasets import FaceDataset, plurality, vote_shares
from mien.errors import ExportError
from mien.evaluation import metrics
from mien.evaluation.calibration import ClassScaling, fit_temperature, select_class_scaling
from mien.evaluation.uncertainty import with_uncertainty
from mien.labels import FERPLUS, LABEL_SETS
from mien.metadata import Head, Metadata
from mien.preprocess import InputSpec, to_input
from mien.runtimes.onnx import METADATA_KEY
from mien.training.models import Network
from mien.training.recipe import Recipe
from mien.training.silenced_warnings import quiet_export

LARGEST_DIFFERENCE = 1e-3
"""Largest difference of a logit that is accepted between the network and the exported file."""

COMPARED_CROPS = 512
"""Number of validation crops on which both are compared."""


def export_bundle(
    network: Network,
    recipe: Recipe,
    validation: FaceDataset,
    path: str | Path,
    card: dict[str, Any],
    judge: Callable[[Bundle], dict[str, Any]] | None = None,
) -> Path:
    """Write a network as a bundle.

    Temperatures are fitted on `validation`, and so is class scaling for each head with enough faces. Class scaling
    becomes a part of the exported graph and is stated in the card.

    Args:
        network: the network, on the CPU.
        recipe: its recipe.
        validation: the faces for calibration and comparison.
        path: the file to write.
        card: facts for the bundle's card.
        judge: returns the metrics of the finished bundle, which are added to the card.

    Returns:
        The path of the bundle.

    Raises:
        ExportError: the exported file does not agree with the network; nothing is written.
    """
    network = copy.deepcopy(network).float().eval()
    network = network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # others trace as gathers
    spec = recipe.input.spec()
    model = to_onnx(network, spec)
    crops = validation.faces[:COMPARED_CROPS]
    expected = network_logits(network, crops, spec)
    untempered = Metadata(recipe.name, tuple(Head(LABEL_SETS[name]) for name in expected), spec)
    compare(expected, with_metadata(model, untempered).logits(crops))

    raw = with_metadata(model, untempered).logits(validation.faces)
    scalings = fit_scalings(raw, validation) if recipe.calibration.class_scaling else {}
    scale_outputs(model, scalings)
    logits = dict(raw)
    for name, scaling in scalings.items():
        expected[name], logits[name] = scaling.apply(expected[name]), scaling.apply(logits[name])
    heads = with_uncertainty(fit_heads(logits, validation), logits, validation)
    metadata = Metadata(recipe.name, heads, spec, dict(card))
    metadata.card["calibration"] = calibration_effect(raw, logits, metadata.heads, validation)
    if scalings:
        metadata.card["class_scaling"] = {
            name: {"factors": scaling.factors.tolist(), "offsets": scaling.offsets.tolist()}
            for name, scaling in scalings.items()
        }
    if judge is not None:
        metadata.card["metrics"] = judge(with_metadata(model, metadata))
    bundle = with_metadata(model, metadata)
    compare(expected, bundle.logits(crops))
    return bundle.save(path)


def fit_scalings(logits: dict[str, npt.NDArray[np.float32]], validation: FaceDataset) -> dict[str, ClassScaling]:
    """Fit the class scaling of each head on a split; heads with too few faces have none."""
    found = {validation.label_set.name: select_class_scaling(logits[validation.label_set.name], validation.labels)}
    if FERPLUS.name in logits and validation.votes is not None:
        rows, labels = plurality(validation.votes)
        found[FERPLUS.name] = select_class_scaling(logits[FERPLUS.name][rows], labels)
    return {name: scaling for name, scaling in found.items() if scaling is not None}


def calibration_effect(
    raw: dict[str, npt.NDArray[np.float32]],
    scaled: dict[str, npt.NDArray[np.float32]],
    heads: tuple[Head, ...],
    validation: FaceDataset,
) -> dict[str, dict[str, float]]:
    """Return what calibration changes, for each head: share of labels, accuracy and ECE before and after.

    Args:
        raw: head -> logits before class scaling, float32 (N, K).
        scaled: the same after class scaling.
        heads: the heads with their temperatures.
        validation: the N faces that the calibration was fitted on.
    """
    found: dict[str, dict[str, float]] = {}
    for head in heads:
        name = head.name
        rows, labels = np.arange(len(validation)), validation.labels
        if name == FERPLUS.name and validation.votes is not None:
            rows, labels = plurality(validation.votes)
        before, after = softmax(raw[name][rows]), softmax(scaled[name][rows], head.temperature)
        found[name] = {
            "labels_changed": round(float((before.argmax(axis=1) != after.argmax(axis=1)).mean()), 4),
            "accuracy_before": round(metrics.accuracy(before, labels), 4),
            "accuracy_after": round(metrics.accuracy(after, labels), 4),
            "ece_before": round(metrics.ece(before, labels), 4),
            "ece_after": round(metrics.ece(after, labels), 4),
        }
    return found


def scale_outputs(model: onnx.ModelProto, scalings: dict[str, ClassScaling]) -> None:
    """Insert the class scaling of each head behind the output of that name, in place."""
    for name, scaling in scalings.items():
        raw = f"{name}_unscaled"
        for node in model.graph.node:
            node.input[:] = [raw if value == name else value for value in node.input]
            node.output[:] = [raw if value == name else value for value in node.output]
        for part, values in (("factors", scaling.factors), ("offsets", scaling.offsets)):
            tensor = onnx.numpy_helper.from_array(values.astype(np.float32), f"{name}_{part}")
            model.graph.initializer.append(tensor)
        model.graph.node.append(onnx.helper.make_node("Mul", [raw, f"{name}_factors"], [f"{name}_scaled"]))
        model.graph.node.append(onnx.helper.make_node("Add", [f"{name}_scaled", f"{name}_offsets"], [name]))


def fit_heads(logits: dict[str, npt.NDArray[np.float32]], validation: FaceDataset) -> tuple[Head, ...]:
    """Fit the temperature of each head to the labels of a split, and that of the vote head also to the vote shares."""
    label_set = validation.label_set
    heads = [Head(label_set, fit_temperature(logits[label_set.name], validation.labels))]
    if FERPLUS.name in logits and validation.votes is not None:
        rows, labels = plurality(validation.votes)
        shares = vote_shares(validation.votes)
        voted = shares.sum(axis=1) > 0
        of_votes = logits[FERPLUS.name]
        heads.append(
            Head(
                FERPLUS,
                fit_temperature(of_votes[rows], labels),
                fit_temperature(of_votes[voted], shares[voted]),
            )
        )
    return tuple(heads)


def to_onnx(network: Network, spec: InputSpec) -> onnx.ModelProto:
    """Export the network as an ONNX graph, from `faces` (N, 1, size, size) to one output of logits (N, K) per head."""
    example = torch.zeros(2, 1, spec.size, spec.size)
    with torch.no_grad(), quiet_export():
        names = list(network(example))
        program = torch.onnx.export(
            _Outputs(network).eval(),
            (example,),
            input_names=["faces"],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
            opset_version=18,
        )
    if program is None:
        raise ExportError("the ONNX exporter returned nothing")
    model = program.model_proto
    for node in model.graph.node:  # the exporter's notes contain paths of the machine it ran on
        del node.metadata_props[:]
        node.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    return model


def with_metadata(model: onnx.ModelProto, metadata: Metadata) -> Bundle:
    """Make a bundle of the graph and its metadata."""
    model = copy.deepcopy(model)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    return Bundle(model.SerializeToString(), f"bundle {metadata.name!r}")


def network_logits(
    network: Network, crops: npt.NDArray[np.uint8], spec: InputSpec
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the network's own logits of crops uint8 (N, 48, 48): head -> float32 (N, K)."""
    with torch.no_grad():
        return {name: values.numpy() for name, values in network(torch.from_numpy(to_input(crops, spec))).items()}


def compare(expected: dict[str, npt.NDArray[np.float32]], got: dict[str, npt.NDArray[np.float32]]) -> None:
    """Check that every logit agrees within `LARGEST_DIFFERENCE` and that every predicted label is the same.

    Raises:
        ExportError: they do not agree.
    """
    for name, values in expected.items():
        difference = float(np.abs(values - got[name]).max())
        differing = int((values.argmax(1) != got[name].argmax(1)).sum())
        if not difference <= LARGEST_DIFFERENCE or differing:
            raise ExportError(
                f"head {name!r}: the exported file should agree with the network within {LARGEST_DIFFERENCE}, "
                f"the largest difference is {difference:.2g} and {differing} of {len(values)} labels differ. "
                "Nothing was written."
            )


class _Outputs(nn.Module):
    """Wrap a network so that its outputs are a tuple, as the exporter needs them."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(faces).values())
