"""The embedded default for pictures: colours and the layout of edges, with no learned weights.

Two blocks, each with its own norm, are joined and scaled to unit length:

* colour: a soft-binned joint RGB histogram (8 x 8 x 8 = 512 numbers) in which the background counts for less;
* shape: histograms of edge direction (8) over a soft 4 x 4 grid, averaged with those of the mirrored picture, which
  leaves half the grid (4 x 2 x 8 = 64 numbers).

A picture and its mirror image get the same vector (to rounding), and every picture, a blank one too, gives a finite
vector of unit length. It is above all a descriptor of palettes: it does not know what a picture shows, and a grey
copy is far from its original. What it was measured against is in docs/choices.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedex.documents import IMAGE_PREPROCESSING, IMAGE_SIDE
from embedex.encoders.base import EncoderDescription

FloatArray = NDArray[np.float32]

# Colour block.
_FINE_BITS = 5  # bits kept of each channel when pixels are counted: 32 levels
_FINE_LEVELS = 1 << _FINE_BITS
_COLOUR_BINS = 8  # bins of each channel in the vector
_COLOUR_POWER = 0.25  # below 1: small accents count beside large areas
_BACKGROUND_SPREAD = 32.0  # channel levels (of 255) that still pass for background
_BACKGROUND_KEPT = 0.001  # share of the background's weight that is kept

# Shape block.
_SHAPE_SIZE = 28  # side of the grey picture on which edges are measured
_DIRECTIONS = 8  # bins over half a turn
_SHAPE_CELLS = 4  # cells of the grid along each side; even, so that it folds in half
_SHAPE_POWER = 0.5
_SHAPE_WEIGHT = 0.5  # most that the shape block's norm can be; the colour block's is 1
_SHAPE_FLOOR = 0.05  # keeps faint noise in a blank picture from becoming a shape

DIMENSION = _COLOUR_BINS**3 + _SHAPE_CELLS * _DIRECTIONS * (_SHAPE_CELLS // 2)
"""Length of the vector."""


def _soft_bins(positions: NDArray[np.floating], bins: int) -> FloatArray:
    """Share each position between its two nearest bins: (n,) -> (bins, n), each column summing to 1.

    A position is in bin units, 0 being the first bin's centre.
    """
    inside = np.clip(positions, 0, bins - 1)
    distance = np.abs(inside[np.newaxis, :] - np.arange(bins)[:, np.newaxis])
    shares: FloatArray = np.maximum(0.0, 1.0 - distance).astype(np.float32)
    return shares


# Middle of each fine level on the 0-255 scale: (32,).
_LEVEL_VALUES = ((np.arange(_FINE_LEVELS) + 0.5) * (256 >> _FINE_BITS) - 0.5).astype(np.float32)
# (8, 32): fine levels to colour bins, the first and last bins at black and white.
_LEVELS_TO_BINS = _soft_bins(_LEVEL_VALUES / 255 * (_COLOUR_BINS - 1), _COLOUR_BINS)
# (4, 28): pixels to grid cells.
_PIXELS_TO_CELLS = _soft_bins((np.arange(_SHAPE_SIZE) + 0.5) * _SHAPE_CELLS / _SHAPE_SIZE - 0.5, _SHAPE_CELLS)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def _background(rgb: NDArray[np.uint8]) -> FloatArray:
    """How far each fine colour passes for background, 0 to 1: (32, 32, 32).

    The background is the border's median colour, believed only as far as the border
    agrees with it: a photo whose border has many colours loses little of its weight.
    """
    border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).astype(np.float32)
    colour = np.median(border, axis=0)  # (3,)
    scale = 2 * _BACKGROUND_SPREAD**2
    agreement = np.exp(-np.square(border - colour).sum(axis=1) / scale).mean()
    # A Gaussian of the distance in RGB is the product of one Gaussian per channel.
    red, green, blue = np.exp(-np.square(_LEVEL_VALUES - colour[:, np.newaxis]) / scale)
    likeness: FloatArray = agreement * red[:, np.newaxis, np.newaxis] * green[:, np.newaxis] * blue
    return likeness


def _colour_block(rgb: NDArray[np.uint8]) -> FloatArray:
    """(224, 224, 3) -> (512,) of norm 1."""
    # Counting fine colours first makes the soft binning cost nothing per pixel.
    fine = (rgb >> (8 - _FINE_BITS)).astype(np.intp)
    index = (fine[..., 0] << 2 * _FINE_BITS) | (fine[..., 1] << _FINE_BITS) | fine[..., 2]
    counts = np.bincount(index.ravel(), minlength=_FINE_LEVELS**3).astype(np.float32)
    histogram = counts.reshape((_FINE_LEVELS,) * 3)
    # Kept in part, so that a picture that is all background still has a histogram.
    histogram *= 1 - (1 - _BACKGROUND_KEPT) * _background(rgb)
    for _ in range(3):  # each turn bins the first axis and moves it to the end
        histogram = np.tensordot(histogram, _LEVELS_TO_BINS, axes=(0, 1))
    block: FloatArray = histogram.ravel() ** _COLOUR_POWER
    block /= np.linalg.norm(block)
    return block


def _shape_block(rgb: NDArray[np.uint8]) -> FloatArray:
    """(224, 224, 3) -> (64,) of norm below 1, near 0 for a flat picture."""
    step = IMAGE_SIDE // _SHAPE_SIZE
    grey = (rgb.astype(np.float32) @ _LUMA) / 255
    grey = grey.reshape(_SHAPE_SIZE, step, _SHAPE_SIZE, step).mean(axis=(1, 3))
    down, right = np.gradient(grey)
    strength = np.hypot(down, right)
    # Half a turn only: a light thing on dark has the edges of a dark thing on light.
    turn = np.arctan2(down, right) / np.pi % 1 * _DIRECTIONS
    distance = np.abs(turn[..., np.newaxis] - np.arange(_DIRECTIONS))
    distance = np.minimum(distance, _DIRECTIONS - distance)  # the last bin meets the first
    edges = strength[..., np.newaxis] * np.maximum(0, 1 - distance)  # (28, 28, 8)
    cells = np.tensordot(_PIXELS_TO_CELLS, edges, axes=(1, 0))  # (4, 28, 8)
    cells = np.tensordot(cells, _PIXELS_TO_CELLS, axes=(1, 1))  # (4, 8, 4)
    # Which way a thing faces says little of what it is: average with the mirror image.
    # Mirroring swaps the columns and turns direction d into -d; the roll keeps 0 at 0.
    mirrored = np.roll(cells[:, ::-1, ::-1], 1, axis=1)
    folded = ((cells + mirrored) / 2)[:, :, : _SHAPE_CELLS // 2]
    block: FloatArray = (folded.ravel() / _SHAPE_SIZE**2) ** _SHAPE_POWER
    block /= np.linalg.norm(block) + _SHAPE_FLOOR
    return block


def describe(rgb: NDArray[np.uint8]) -> FloatArray:
    """Describe a picture by its colours and the layout of its edges.

    Args:
        rgb: (224, 224, 3) uint8, the picture composited on white, padded to a square
            and resized.

    Returns:
        (576,) float32, every number finite and >= 0, of unit length.
    """
    if rgb.shape != (IMAGE_SIDE, IMAGE_SIDE, 3) or rgb.dtype != np.uint8:
        expected = f"({IMAGE_SIDE}, {IMAGE_SIDE}, 3) uint8"
        raise ValueError(f"expected {expected}, got {rgb.shape} {rgb.dtype}")
    vector = np.concatenate([_colour_block(rgb), _SHAPE_WEIGHT * _shape_block(rgb)])
    unit: FloatArray = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


DESCRIPTION = EncoderDescription(
    name="descriptor",
    modality="image",
    space="descriptor-1",
    dimension=DIMENSION,
    revision="1",
    weights_sha256="",
    preprocessing=IMAGE_PREPROCESSING,
    pooling="colour and edge histograms",
)
"""Its revision counts up with every change of a vector."""


class Descriptor:
    """The descriptor as an encoder; fits `embedex.encoders.base.Encoder`."""

    description = DESCRIPTION

    def encode_documents(self, documents: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Unit vectors of pictures.

        Args:
            documents: n pictures, each uint8 of shape (224, 224, 3).

        Returns:
            float32, shape (n, 576). A picture's vector depends on that picture alone.
        """
        described = [describe(picture) for picture in documents]
        return np.asarray(described, np.float32).reshape(-1, DIMENSION)
