"""Kernel densities over one model's space, where hyperparameters are numbers, ranks and choices, some inactive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp, ndtr, ndtri

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

LEAST_BANDWIDTH = 1e-3  # as in BOHB; points that agree in a coordinate would otherwise have no width
WIDEN = 3.0  # BOHB's bandwidth factor: numbers are drawn from wider kernels than they are judged by


class Density:
    """A product-kernel density over rows (Falkner et al. 2018, section 3.2; Scott's rule for the bandwidths).

    Numbers and ranks have a normal kernel, cut off at the ends of their range; choices have the kernel of Aitchison
    and Aitken (1976). A hyperparameter that is inactive in a kernel's centre says nothing: there the kernel is
    uniform, which is BOHB's random imputation in expectation. One uniform kernel is mixed in, so that no region is
    impossible.
    """

    def __init__(self, axes: ModelAxes, rows: Row) -> None:
        self._axes = axes
        self._count, width = rows.shape
        self._free = [column for column, kind in enumerate(axes.kinds) if kind != "fixed"]
        self._choice = np.array([kind == "choice" for kind in axes.kinds], dtype=bool)
        self._sizes = np.array([float(size) for size in axes.sizes])
        self._scale = np.array(
            [size - 1 if kind == "rank" else 1.0 for kind, size in zip(axes.kinds, axes.sizes, strict=True)]
        )
        self._centres = rows / self._scale
        self._bandwidths = np.array([self._bandwidth(column, len(self._free)) for column in range(width)])

    def _bandwidth(self, column: int, dimensions: int) -> float:
        centres = self._centres[:, column]
        known = centres[~np.isnan(centres)]
        size = self._sizes[column]
        if not len(known):  # every kernel is uniform here
            return float((size - 1.0) / size) if self._choice[column] else 1.0
        shrink = float(len(known) ** (-1.0 / (4 + dimensions)))
        if self._choice[column]:
            return float((size - 1.0) / size * shrink**2)
        # An integer or a rank is known to half the distance between two of its values.
        least = max(LEAST_BANDWIDTH, min(0.5 / max(size - 1.0, 1.0), 0.5))
        return float(max(1.06 * known.std() * shrink, least))

    def log(self, rows: Row) -> Row:
        """Logarithm of the density at `rows` ``(points, hyperparameters)``; ``(points,)``."""
        total, uniform = np.zeros((len(rows), self._count)), np.zeros((len(rows), 1))
        for column in self._free:
            at, centre = rows[:, None, column] / self._scale[column], self._centres[None, :, column]
            width, flat = self._bandwidths[column], 0.0
            if self._choice[column]:
                flat = -float(np.log(self._sizes[column]))
                kernel = np.where(at == centre, np.log(1.0 - width), np.log(width / (self._sizes[column] - 1.0)))
            else:
                mass = ndtr((1.0 - centre) / width) - ndtr(-centre / width)
                kernel = -0.5 * ((at - centre) / width) ** 2 - np.log(width * np.sqrt(2.0 * np.pi) * mass)
            inactive = np.isnan(at)
            total += np.where(inactive, 0.0, np.where(np.isnan(centre), flat, kernel))
            uniform += np.where(inactive, 0.0, flat)
        return np.asarray(logsumexp(np.hstack([total, uniform]), axis=1)) - np.log(self._count + 1)

    def sample(self, count: int, rng: np.random.Generator) -> Row:
        """`count` rows drawn near the centres, from kernels widened by WIDEN, and from the space where the uniform
        kernel is hit.
        """
        rows = self._axes.draw(count, int(rng.integers(2**31)))
        chosen = rng.integers(self._count + 1, size=count)
        near = np.flatnonzero(chosen < self._count)
        centres = self._centres[chosen[near]]
        for column in self._free:
            centre, width = centres[:, column], self._bandwidths[column]
            dice, uniform = rng.random(len(near)), rng.random(len(near))
            if self._choice[column]:
                # The kernel moves to each other choice alike: uniform over all, with the share that this leaves.
                size = self._sizes[column]
                drawn = np.where(dice < width * size / (size - 1.0), np.floor(uniform * size), centre)
            else:
                wide = WIDEN * width
                low, high = ndtr(-centre / wide), ndtr((1.0 - centre) / wide)
                drawn = np.clip(centre + wide * ndtri(low + uniform * (high - low)), 0.0, 1.0) * self._scale[column]
                drawn = np.round(drawn) if self._axes.kinds[column] == "rank" else drawn
            if self._axes.kinds[column] != "number":
                uniform = np.floor(uniform * self._sizes[column])
            rows[near, column] = np.where(np.isnan(centre), uniform, drawn)
        return self._axes.repaired(rows)
