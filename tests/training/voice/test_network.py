"""The spectrogram and the network: gain and pauses have no effect, frequencies are in their bands, gradients flow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mien.training.voice.augment import SoundAugment, masked
from mien.training.voice.network import LogMel, VoiceNetwork, mel_matrix
from mien.training.voice.recipe import SpectrogramRecipe, VoiceAugmentRecipe, VoiceNetworkRecipe

SMALL = VoiceNetworkRecipe(stem=4, stages=(4, 8, 8))


def tone(hertz: float, seconds: float = 1.0, rate: int = 12_000) -> torch.Tensor:
    return 0.3 * torch.sin(2 * torch.pi * hertz * torch.arange(int(rate * seconds)) / rate)[None]


def test_the_framed_dft_is_that_of_numpy() -> None:
    recipe = SpectrogramRecipe()
    log_mel = LogMel(recipe)
    sound = torch.randn(1, 3_000, generator=torch.Generator().manual_seed(0))
    frames = sound[0].unfold(0, recipe.window, recipe.hop).numpy()
    taper = torch.hann_window(recipe.window, dtype=torch.float64).numpy()
    spectrum = np.fft.rfft(frames * taper / np.sqrt((taper**2).sum()))
    bins, mel = mel_matrix(recipe)
    power = np.abs(spectrum[:, bins.numpy().astype(int)]) ** 2 @ mel.numpy().T
    level = power.mean(axis=1)
    loud = (level**2).sum() / level.sum()
    expected = 10 * np.log10(power / loud + 10 ** (-recipe.floor / 10)) / 6
    np.testing.assert_allclose(log_mel(sound)[0, 0].T.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("hertz", [200, 500, 1000, 2500, 5000])
def test_a_tone_is_loudest_in_its_band(hertz: float) -> None:
    recipe = SpectrogramRecipe()
    band = int(LogMel(recipe)(tone(hertz))[0, 0].mean(dim=1).argmax())
    bins, mel = mel_matrix(recipe)
    centre = float((mel[band] * bins).sum() / mel[band].sum()) * recipe.rate / recipe.window
    assert centre == pytest.approx(hertz, rel=0.1, abs=45)


def test_every_band_hears_something() -> None:
    for rate in (8_000, 12_000, 16_000):
        _, mel = mel_matrix(SpectrogramRecipe(rate=rate, window=rate // 40, highest=0.45 * rate))
        assert (mel.sum(dim=1) > 0).all()


def test_gain_and_pauses_have_no_effect() -> None:
    network = VoiceNetwork(6, SMALL).eval()
    sound = tone(400) * (1 + torch.sin(torch.arange(12_000) / 500))
    with torch.no_grad():
        plain = network(sound)
        for gain in (1e-3, 0.1, 3.0):
            torch.testing.assert_close(network(gain * sound).votes, plain.votes, atol=1e-3, rtol=1e-3)
        silence = torch.zeros(1, 12_000)
        padded = network(torch.cat([silence, sound, silence], dim=1))
        torch.testing.assert_close(
            network.spectrogram(torch.cat([sound, silence], 1))[..., :70],
            network.spectrogram(sound)[..., :70],
            atol=1e-2,
            rtol=1e-2,
        )
        assert (padded.votes - plain.votes).abs().max() < 0.5 * plain.votes.std()
        assert all(torch.isfinite(each).all() for each in network(silence))


def test_every_weight_gets_a_gradient() -> None:
    network = VoiceNetwork(6, SMALL)
    answers = network(torch.randn(4, 6_000))
    (answers.votes.sum() + answers.intended.square().sum() + answers.strength.sum()).backward()
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert torch.isfinite(weight.grad).all(), name


def test_the_usual_network_has_at_most_a_million_weights() -> None:
    assert sum(weights.numel() for weights in VoiceNetwork(6).parameters()) <= 1_000_000


OFF = dict.fromkeys(("noise", "reverberation", "band_limit", "telephone", "tilt", "codec", "clipped"), 0)


@pytest.mark.parametrize("name", list(OFF))
def test_each_augmentation_acts_and_keeps_the_form(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    clips = 0.1 * torch.randn(8, 6_000, generator=generator)
    augment = SoundAugment(VoiceAugmentRecipe(**{**OFF, name: 1}), 12_000, generator)
    varied = augment(clips)
    assert varied.shape == clips.shape
    assert torch.isfinite(varied).all()
    assert (varied - clips).abs().mean() > 1e-4
    plain = SoundAugment(VoiceAugmentRecipe(**OFF), 12_000, generator)(clips)
    torch.testing.assert_close(plain, clips, atol=1e-5, rtol=1e-3)


def test_silence_stays_finite() -> None:
    recipe = VoiceAugmentRecipe(**dict.fromkeys(OFF, 1))
    assert torch.isfinite(SoundAugment(recipe, 12_000, torch.Generator())(torch.zeros(4, 6_000))).all()


def test_the_telephone_takes_away_low_and_high_tones() -> None:
    augment = SoundAugment(VoiceAugmentRecipe(**{**OFF, "telephone": 1}), 12_000, torch.Generator().manual_seed(0))
    for hertz, kept in ((100, False), (1000, True), (5000, False)):
        got = augment(tone(hertz))[:, 2_000:-2_000].square().mean().sqrt()
        assert bool(got > 0.1) == kept


def test_masks_hide_time_and_bands() -> None:
    recipe = VoiceAugmentRecipe(time_masks=1, time_share=0.3, band_masks=1, band_share=0.3)
    features = torch.arange(64 * 50, dtype=torch.float32).view(1, 1, 64, 50).repeat(16, 1, 1, 1)
    hidden = (masked(features, recipe, torch.Generator().manual_seed(0)) != features).float()
    assert hidden.mean() > 0.1
    assert (hidden.amin(dim=2) > 0.9).any()  # a frame that is hidden in all bands
    assert (hidden.amin(dim=3) > 0.9).any()
