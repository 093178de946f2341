"""Directions are those of a principal component analysis, in one sign, and each text is projected by itself."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from sklearn.decomposition import PCA

from vigie.errors import FeatureError
from vigie.features.text.reduction import Reduction, check_model, fit_reduction


def vectors(n: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    spread = np.exp(-np.arange(30) / 5)
    return (generator.normal(size=(n, 30)) * spread @ np.linalg.qr(generator.normal(size=(30, 30)))[0]).astype(
        np.float32
    )


def fitted(found: np.ndarray, components: int) -> Reduction:
    return fit_reduction("tickets", "message", components, found, model="letters", weights="ab" * 32)


def test_components_are_those_of_scikit_learn() -> None:
    data = vectors(400)
    mine = fitted(data, 6)
    theirs = PCA(6, svd_solver="full").fit(data.astype(np.float64))
    signs = np.sign(np.sum(np.array(mine.components) * theirs.components_, axis=1))
    assert np.allclose(np.array(mine.components) * signs[:, None], theirs.components_, atol=1e-8)
    assert np.allclose(mine.project(data) * signs, theirs.transform(data.astype(np.float64)), atol=1e-6)
    largest = np.abs(mine.components).argmax(axis=1)
    assert (np.array(mine.components)[np.arange(6), largest] > 0).all()


def test_components_are_nested_and_do_not_depend_on_the_order() -> None:
    data = vectors(300)
    assert fitted(data, 3).components == fitted(data, 7).components[:3]
    assert np.allclose(fitted(data[::-1], 5).components, fitted(data, 5).components, atol=1e-6)
    assert fitted(data, 5) == fitted(data.copy(), 5)


@pytest.mark.parametrize("components", [1, 5])
def test_a_row_does_not_depend_on_the_others(components: int) -> None:
    data = vectors(1_000)
    learned = fitted(data, components)
    together = learned.project(data)
    for rows in (slice(0, 1), slice(3, 10), slice(None, None, 7)):
        assert np.array_equal(learned.project(data[rows]), together[rows])
    assert all(np.array_equal(learned.project(data[i : i + 1])[0], together[i]) for i in range(0, 1000, 37))
    assert np.array_equal(learned.project(np.asfortranarray(data)), together)


def test_few_texts_have_few_directions() -> None:
    learned = fitted(vectors(3), 5)
    assert [any(direction) for direction in learned.components] == [True, True, False, False, False]
    assert not any(map(any, fitted(np.repeat(vectors(1), 9, axis=0), 2).components))
    with pytest.raises(FeatureError, match="no text to learn from"):
        fitted(vectors(0), 2)


def test_it_is_data() -> None:
    learned = fitted(vectors(50), 4)
    again = msgspec.json.decode(msgspec.json.encode(learned), type=Reduction)
    assert again == learned
    for wrong in ({"mean": (1.0,)}, {"components": ()}, {"mean": (float("nan"),) * 30}):
        with pytest.raises(FeatureError, match="do not fit together"):
            msgspec.structs.replace(learned, **wrong).check()
    check_model([learned], "ab" * 32, "letters")
    with pytest.raises(FeatureError, match="trained with the text model letters"):
        check_model([learned], "cd" * 32, "others")
