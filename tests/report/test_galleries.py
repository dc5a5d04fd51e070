from __future__ import annotations

import numpy as np
import pytest

from mien.labels import FER2013
from mien.report import galleries

RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (60, 48, 48), np.uint8)
LABELS = np.arange(60) % 7
P = RNG.dirichlet(np.ones(7), 60).astype(np.float32)


def test_mistakes_are_wrong_and_the_surest_first() -> None:
    places = galleries.confident_mistakes(P, LABELS)
    assert (P[places].argmax(axis=1) != LABELS[places]).all()
    assert len(places) == (P.argmax(axis=1) != LABELS).sum()
    assert (np.diff(P[places].max(axis=1)) <= 0).all()


def test_the_uncertain_have_the_highest_entropy() -> None:
    bits = galleries.entropy(P)
    assert (np.diff(bits[galleries.most_uncertain(P)]) <= 0).all()
    assert galleries.entropy(np.eye(7, dtype=np.float32)).max() == pytest.approx(0, abs=1e-6)
    assert galleries.entropy(np.full((1, 8), 0.125, np.float32))[0] == pytest.approx(3)


def test_samples_take_the_classes_in_turn() -> None:
    labels = np.array([0] * 50 + [1] * 3 + [2] * 1)
    places = galleries.stratified_sample(labels, 8)
    assert len(set(places.tolist())) == 8
    assert sorted(labels[places[:3]].tolist()) == [0, 1, 2]
    assert np.bincount(labels[places]).tolist() == [4, 3, 1]
    assert galleries.stratified_sample(labels, 8).tolist() == places.tolist()
    assert galleries.stratified_sample(labels, 8, seed=1).tolist() != places.tolist()
    assert len(galleries.stratified_sample(labels, 100)) == 54


def test_a_face_is_shown_once() -> None:
    faces = FACES.copy()
    faces[1] = faces[0]
    faces[2, 1:] = faces[0, :-1]  # moved by a pixel
    faces[2, 0] = faces[0, 0]
    smooth = np.stack([np.kron(face[::8, ::8], np.ones((8, 8), np.uint8)) for face in faces])
    smooth[2] = np.roll(smooth[0], 1, axis=0)
    assert galleries.first_distinct(smooth, np.arange(5), 5).tolist() == [0, 3, 4]
    assert galleries.first_distinct(smooth, np.arange(5), 2).tolist() == [0, 3]
    flat = np.zeros((3, 48, 48), np.uint8)
    assert len(galleries.first_distinct(flat, np.arange(3), 3)) >= 1


def test_galleries_say_what_is_read_and_what_the_label_is() -> None:
    figure = galleries.mistakes_gallery(FACES, P, LABELS, FER2013.names)
    assert figure is not None
    first = galleries.confident_mistakes(P, LABELS)[0]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [
        f"{FER2013.names[P[first].argmax()]} {P[first].max():.2f}",
        f"label: {FER2013.names[LABELS[first]]}",
    ]
    second = galleries.uncertain_gallery(FACES, P, LABELS, FER2013.names).axes[0].texts[1].get_text()
    place = galleries.most_uncertain(P)[0]
    assert second == f"{FER2013.names[np.argsort(-P[place])[1]]} {np.sort(P[place])[-2]:.2f}"


def test_without_mistakes_there_is_no_gallery() -> None:
    certain = np.eye(7, dtype=np.float32)[LABELS]
    assert galleries.mistakes_gallery(FACES, certain, LABELS, FER2013.names) is None
