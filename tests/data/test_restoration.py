"""The way back from pixels to voxels."""

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

from kidney_tumor.data.restoration import restore, restore_probabilities

SHAPES = [(3, 64, 64), (2, 51, 79), (1, 16, 200), (2, 7, 5), (2, 16, 16)]


def find_sampled(length, size):
    """The voxel that each pixel was taken from, by its definition: the one that holds the pixel's center."""
    return [int((pixel + 0.5) * length / size) for pixel in range(size)]


@pytest.mark.parametrize("shape", SHAPES)
def test_nearest_puts_masks_back_in_place(rng, shape):
    mask = rng.integers(0, 2, (shape[0], 16, 16)).astype(np.uint8)
    whole = restore(mask, 16, shape, "nearest", 0.5)
    assert whole.shape == shape
    assert whole.dtype == np.uint8
    for y in range(shape[1]):
        for x in range(shape[2]):
            assert whole[0, y, x] == mask[0, int((y + 0.5) * 16 / shape[1]), int((x + 0.5) * 16 / shape[2])]
    lower = restore(mask[:, 8:], 16, shape, "nearest", 0.5)
    assert not lower[:, : shape[1] // 2].any()
    np.testing.assert_array_equal(lower[:, shape[1] // 2 :], whole[:, shape[1] // 2 :])


def interpolate(values, shape):
    """Interpolate with SciPy between the voxels that were sampled, and take the nearest value beyond them."""
    size = values.shape[1]
    places = [np.array(find_sampled(length, size)) for length in shape[1:]]
    kept = [np.append(np.diff(place) > 0, True) for place in places]  # of pixels of one voxel, the last
    rows, columns = (place[keep] for place, keep in zip(places, kept, strict=True))
    inside = np.stack(
        np.meshgrid(
            np.clip(np.arange(shape[1]), rows[0], rows[-1]),
            np.clip(np.arange(shape[2]), columns[0], columns[-1]),
            indexing="ij",
        ),
        -1,
    )
    return np.stack(
        [RegularGridInterpolator((rows, columns), each[np.ix_(*kept)].astype(float))(inside) for each in values]
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_linear_is_scipys_interpolation_between_the_sampled_voxels(rng, shape, threshold):
    values = rng.random((shape[0], 16, 16)).astype(np.float32)
    values[:, :3] *= 0.2  # a part below the threshold
    expected = interpolate(values, shape)
    clear = np.abs(expected - threshold) > 1e-5
    mask = restore(values, 16, shape, "linear", threshold)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask[clear], (expected > threshold)[clear])
    map_ = restore_probabilities(values, 16, shape, "linear")
    assert np.abs(map_ - 255 * expected).max() <= 0.5001
    lower = values[:, 8:]
    framed = np.concatenate([np.zeros_like(lower), lower], 1)
    expected = interpolate(framed, shape)
    clear = np.abs(expected - threshold) > 1e-5
    seen = restore(lower, 16, shape, "linear", threshold)
    np.testing.assert_array_equal(seen[clear], (expected > threshold)[clear])


def test_interpolation_moves_an_edge_by_half_a_pixel():
    """A ramp of probabilities over voxels sampled at 1, 3, 5, 7: nearest shifts the edge, linear does not."""
    ramp = np.array([0.1, 0.3, 0.7, 0.9], np.float32)  # 0.5 lies at voxel 4, between 3 and 5
    values = np.broadcast_to(ramp, (1, 4, 4))
    assert restore(values, 4, (1, 8, 8), "linear", 0.49)[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert restore(values, 4, (1, 8, 8), "linear", 0.51)[0, 0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert restore(values, 4, (1, 8, 8), "nearest", 0.5)[0, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert restore(1 - values, 4, (1, 8, 8), "nearest", 0.5)[0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert restore_probabilities(values, 4, (1, 8, 8), "linear")[0, 0].tolist() == [26, 26, 51, 76, 128, 178, 204, 230]


def test_a_volume_of_the_slices_size_stays_as_it_is(rng):
    values = rng.random((2, 16, 16)).astype(np.float32)
    np.testing.assert_array_equal(restore(values, 16, values.shape, "linear", 0.5), values > 0.5)
