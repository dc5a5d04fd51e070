"""The contract of every registered network, and what the se-resnet's options do."""

from __future__ import annotations

import pytest
import torch

from helpers.tiny_backbones import backbone
from mien.training.models import NETWORKS, Network, build, gflop, register
from mien.training.models.attention import CBAM, ChannelAttention, SpatialAttention
from mien.training.module import trainable_parameters
from mien.training.recipe import load_recipe

HEADS = {"fer2013": 7, "ferplus": 8}

# Small options, one entry per network: a new network without one fails `test_every_network_is_tested`.
SMALL: dict[str, dict[str, object]] = {
    "se-resnet": {"stem": 8, "widths": (8, 8, 16, 16), "dropout": 0.5},
    "swish-resnet": {"stem": 8, "stages": (8, 16), "dense": 16},
    "elu-cnn": {"channels": (8, 8, 8), "dense_widths": (16,)},
    "leaky-cnn": {"channels": (8, 8), "block_dropouts": (0.4, 0.4), "dense_widths": (16, 8)},
    "plain-cnn": {"channels": (8, 8), "block_dropouts": (0.1, 0.1), "dense_widths": (16,)},
    "compact-cnn": {"channels": (8, 8), "block_dropouts": (0.1, 0.1), "dense_widths": (16,)},
    "transfer": {"backbone": "vit"},  # the folder is made when it is needed
}
# The dropouts of each, and the same options without them.
CONV_NET = ("block_dropouts", "dense_dropouts")
DROPOUTS = {"se-resnet": ("dropout",), "transfer": ("dropout",), "swish-resnet": ("dropout2d", "dense_dropout")}
SIZE = 32


def small(name: str, size: int = SIZE, **options: object) -> Network:
    torch.manual_seed(0)
    return build(name, small_options(name) | options, HEADS, size)


def small_options(name: str) -> dict[str, object]:
    return {"backbone": str(backbone("vit"))} if name == "transfer" else SMALL[name]


def without_dropout(name: str, keys: tuple[str, ...] | None = None) -> dict[str, object]:
    """Options that switch the dropouts of a network off, or some of them."""
    given = NETWORKS[name].Options(**small_options(name))
    keys = DROPOUTS.get(name, CONV_NET) if keys is None else keys
    values = {key: getattr(given, key) for key in keys}
    return {key: (0.0,) * len(value) if isinstance(value, tuple) else 0.0 for key, value in values.items()}


def faces(n: int = 4, size: int = SIZE) -> torch.Tensor:
    return torch.randn(n, 1, size, size, generator=torch.Generator().manual_seed(1))


def wake(network: Network) -> Network:
    """Residual branches start at 0, where nothing in them shows: gives their last norms a weight."""
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(layer.weight)
    return network


def test_every_network_is_tested() -> None:
    assert set(SMALL) == set(NETWORKS)


@pytest.mark.parametrize("name", sorted(NETWORKS))
class TestEveryNetwork:
    @pytest.mark.parametrize("size", [32, 40, 44, 48])
    @pytest.mark.parametrize("batch", [1, 3])
    def test_answers_finite_logits_per_head(self, name: str, size: int, batch: int) -> None:
        logits = small(name, size).eval()(faces(batch, size))
        assert {head: tuple(values.shape) for head, values in logits.items()} == {
            "fer2013": (batch, 7),
            "ferplus": (batch, 8),
        }
        assert all(values.isfinite().all() for values in logits.values())

    def test_has_the_heads_that_are_asked_for(self, name: str) -> None:
        network = build(name, small_options(name), {"one": 3}, SIZE).eval()
        assert {head: tuple(values.shape) for head, values in network(faces(2)).items()} == {"one": (2, 3)}

    def test_every_parameter_learns(self, name: str) -> None:
        network = small(name).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        reached: set[str] = set()
        for _ in range(3):  # a residual branch that starts at 0 passes no gradient to what lies before, at first
            optimizer.zero_grad()
            sum(values.square().mean() for values in network(faces()).values()).backward()  # type: ignore[union-attr]
            for key, parameter in network.named_parameters():
                assert parameter.grad is not None, key
                assert parameter.grad.isfinite().all(), key
                if parameter.grad.any():
                    reached.add(key)
            optimizer.step()
        assert reached == {key for key, _ in network.named_parameters()}

    def test_every_dropout_acts_in_training_only(self, name: str) -> None:
        keys = DROPOUTS.get(name, CONV_NET)
        for acting in keys:
            network = small(name, **without_dropout(name, tuple(key for key in keys if key != acting)))
            wake(network.train())
            first, second = network(faces())["fer2013"], network(faces())["fer2013"]
            assert not torch.equal(first, second), acting
            network.eval()
            assert torch.equal(network(faces())["fer2013"], network(faces())["fer2013"])

    def test_without_dropout_training_is_deterministic(self, name: str) -> None:
        network = wake(small(name, **without_dropout(name)).train())
        assert torch.equal(network(faces())["fer2013"], network(faces())["fer2013"])

    def test_reads_other_sizes_if_it_says_so(self, name: str) -> None:
        network = small(name, 32).eval()
        if network.any_size:
            assert network(faces(2, 24))["fer2013"].isfinite().all()
        else:
            with pytest.raises(RuntimeError, match="shapes"):
                network(faces(2, 24))

    def test_a_face_is_judged_alone_in_eval(self, name: str) -> None:
        network = small(name).eval()
        together, alone = network(faces(3)), network(faces(3)[1:2])
        torch.testing.assert_close(together["ferplus"][1:2], alone["ferplus"], atol=1e-5, rtol=1e-4)

    def test_weights_follow_from_the_seed(self, name: str) -> None:
        first, second = small(name).state_dict(), small(name).state_dict()
        assert all(torch.equal(first[key], second[key]) for key in first)

    def test_every_option_is_described(self, name: str) -> None:
        fields = NETWORKS[name].Options.model_fields
        assert fields
        assert all(info.description for info in fields.values())


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'se-resnet' is registered already, as SEResNet"):

        @register("se-resnet")
        class Another(Network):
            pass

    assert NETWORKS["se-resnet"].__name__ == "SEResNet"


def test_squeeze_0_leaves_out_the_channel_factors() -> None:
    plain, squeezed = small("se-resnet", squeeze=0), small("se-resnet", squeeze=8)
    assert not any("scale" in key for key in plain.state_dict())
    assert any("scale" in key for key in squeezed.state_dict())
    assert trainable_parameters(plain) < trainable_parameters(squeezed)


@pytest.mark.parametrize(("activation", "lowest"), [("relu", 0.0), ("silu", -0.2785)])
def test_the_activation_is_the_one_asked_for(activation: str, lowest: float) -> None:
    network = small("se-resnet", activation=activation).eval()
    features = network.stem(10 * faces(8))  # type: ignore[operator]
    assert features.min().item() == pytest.approx(lowest, abs=1e-3)
    names = {type(layer).__name__.lower() for layer in network.modules()}
    assert activation in names


@pytest.mark.parametrize("name", ["se-resnet", "swish-resnet"])
def test_attention_is_a_key_of_the_residual_networks(name: str) -> None:
    def kinds(**options: object) -> set[str]:
        return {type(layer).__name__ for layer in small(name, **options).modules()}

    assert "SqueezeExcitation" in kinds(attention="se", squeeze=4)
    assert {"CBAM", "ChannelAttention", "SpatialAttention"} <= kinds(attention="cbam", squeeze=4)
    assert not kinds(squeeze=0) & {"SqueezeExcitation", "CBAM"}


def test_channel_attention_is_that_by_hand() -> None:
    torch.manual_seed(0)
    x, block = torch.randn(2, 6, 5, 5), ChannelAttention(6, 3)
    expected = torch.sigmoid(block.shared(x.mean((2, 3), keepdim=True)) + block.shared(x.amax((2, 3), keepdim=True)))
    assert torch.equal(block(x), expected)
    assert block(x).shape == (2, 6, 1, 1)


def test_spatial_attention_follows_the_place() -> None:
    torch.manual_seed(0)
    block = SpatialAttention(3)
    x = torch.zeros(1, 4, 9, 9)
    x[..., 1, 1] = 5
    weights = block(x)
    assert weights.shape == (1, 1, 9, 9)
    far = weights[0, 0, 4:, 4:]
    assert torch.allclose(far, far[0, 0].expand_as(far))
    assert not torch.allclose(weights[0, 0, 1, 1], far[0, 0])


def test_cbam_multiplies_by_channel_and_place() -> None:
    torch.manual_seed(0)
    block, x = CBAM(8, 4), torch.randn(2, 8, 6, 6)
    scaled = x * block.channel(x)
    torch.testing.assert_close(block(x), scaled * block.spatial(scaled))


def test_the_softmax_temperature_sharpens_logits() -> None:
    sharp, plain = (small("swish-resnet", softmax_temperature=value).eval() for value in (0.5, 1.0))
    torch.testing.assert_close(sharp(faces())["fer2013"], 2 * plain(faces())["fer2013"])


def test_the_elu_networks_weights_are_he_normal() -> None:
    torch.manual_seed(0)
    network = build("elu-cnn", {}, HEADS, 48)
    layers = [layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)]  # type: ignore[union-attr]
    assert [layer.kernel_size for layer in layers] == [(5, 5)] * 2 + [(3, 3)] * 4
    for layer in layers[1:]:
        inputs = layer.in_channels * layer.kernel_size[0] ** 2
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.03)


def test_widths_and_dropouts_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"as many block_dropouts as channels \(2\), got 4"):
        NETWORKS["leaky-cnn"].Options(channels=(8, 8))


def test_depths_and_strides_shape_the_network() -> None:
    network = build("se-resnet", {"stem": 4, "widths": (4, 6), "depths": (2, 3), "strides": (2, 2)}, HEADS, 40).eval()
    assert len(network.blocks) == 5  # type: ignore[arg-type]
    features = network.blocks(network.stem(faces(1, 40)))  # type: ignore[operator]
    assert features.shape == (1, 6, 10, 10)


def test_gflop_agrees_with_a_count_by_hand() -> None:
    network = build(
        "se-resnet", {"stem": 2, "widths": (4,), "depths": (1,), "strides": (2,), "squeeze": 0}, {"one": 3}, 8
    ).train()
    multiply_adds = (
        8 * 8 * 2 * 9 * 1  # stem: 3x3 on one channel, full size
        + 4 * 4 * 4 * 9 * 2  # first convolution of the block, stride 2
        + 4 * 4 * 4 * 9 * 4  # second
        + 4 * 4 * 4 * 1 * 2  # 1x1 of the shortcut, after its pooling
        + 4 * 3  # head
    )
    assert gflop(network, 8) == pytest.approx(2 * multiply_adds / 1e9)
    assert network.training
    assert not any(layer._forward_hooks for layer in network.modules())


def test_gflop_counts_squeeze_and_excitation() -> None:
    options = {"stem": 2, "widths": (16,), "depths": (1,), "strides": (1,)}
    with_factors = gflop(build("se-resnet", options | {"squeeze": 2}, {"one": 3}, 8), 8)
    without = gflop(build("se-resnet", options | {"squeeze": 0}, {"one": 3}, 8), 8)
    assert with_factors - without == pytest.approx(2 * 2 * 16 * 8 / 1e9)  # 16 to 8 channels and back, on one pixel


def test_the_released_recipe_stays_small() -> None:
    recipe = load_recipe("mien")
    network = build(recipe.network.name, recipe.network.options, HEADS, recipe.input.size)
    assert 0.05 < gflop(network, recipe.input.size) <= 0.35
    assert 4 * sum(values.numel() for values in network.state_dict().values()) <= 6e6
