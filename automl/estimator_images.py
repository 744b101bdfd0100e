"""Images as users of the scikit-learn estimators give them: arrays, lists of paths, folders and files of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.image_files import ENDINGS
from automl.data.image_input import IMAGE, default_target, is_images

if TYPE_CHECKING:
    from numpy.typing import NDArray

TARGET, WEIGHT = "y", "weight"
"""What target and weights are called beside images."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What `fit_run` is given, and the settings that go with it."""

    data: Any
    target: str
    weight: str | None = None
    image_column: str | None = None
    """Column of paths, where `data` is a table."""


def holds_images(features: Any) -> bool:
    """Whether `X` is images by what it is alone: an array of pixels, paths of image files, a folder, .npz or .npy.

    Tables with a column of paths are found when they are read.
    """
    paths = _path_list(features)
    if paths is not None:
        return any(path.lower().endswith(ENDINGS) for path in paths)
    if _is_array_list(features):
        return True
    return isinstance(features, str | Path) or (not isinstance(features, list | tuple) and is_images(features, None))


def own_target(features: Any, sample_weight: Any) -> Source:
    """Images that bring their target themselves: a folder with a folder for each class, or an .npz file.

    Raises ValueError for images that bring none, and for weights, which nothing could be matched with.
    """
    target = default_target(features)
    if target is None and isinstance(features, str | Path) and not Path(features).expanduser().exists():
        raise ValueError(f"{features} does not exist; check the path")
    if target is None:
        raise ValueError(
            "requires y to be passed, but the target y is None; only a folder of class folders and an .npz file bring one"
        )
    if sample_weight is not None:
        raise ValueError(
            "sample_weight is for images whose y is given; leave it out, or give an array or a list of paths"
        )
    return Source(data=features, target=target)


def opened(features: Any) -> Any:
    """Images that `y` can be given for, as a list of paths or an array; ValueError for those that bring their own."""
    paths = _path_list(features)
    if paths is not None:
        return paths
    if isinstance(features, Mapping):
        raise ValueError("X is a mapping; give the array of the images as X and their target as y")  # noqa: TRY004 - as for all that is wrong with X
    if _is_array_list(features):
        return _stacked(features)
    if not isinstance(features, str | Path):
        return np.asanyarray(features)
    path = Path(features).expanduser()
    if path.suffix.lower() in ENDINGS:
        return [str(path)]
    if path.suffix.lower() != ".npy":
        raise ValueError(f"{features} brings its own target: leave y out, or give an array or a list of paths")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as .npy ({error}); write it with numpy.save(path, images)") from error


def paired(images: Any, target: NDArray[Any], weight: NDArray[np.float64] | None, kept: NDArray[np.bool_]) -> Source:
    """Images from `opened` with their target and weight, of those rows that are `kept`; `target` and `weight` have only
    these.
    """
    columns = {TARGET: target} | ({} if weight is None else {WEIGHT: weight})
    name = None if weight is None else WEIGHT
    if isinstance(images, list):
        paths = [path for path, keep in zip(images, kept, strict=True) if keep]
        return Source(data={IMAGE: paths, **columns}, target=TARGET, weight=name, image_column=IMAGE)
    return Source(data={"X": images if kept.all() else images[kept], **columns}, target=TARGET, weight=name)


def as_given(features: Any) -> Any:
    """What a predictor of images takes: columns and arrays of paths as lists, anything else as it is."""
    paths = _path_list(features)
    if paths is not None:
        return paths
    return _stacked(features) if _is_array_list(features) else features


def _path_list(features: Any) -> list[str] | None:
    """The texts of a list, a one-dimensional array or a column; None for anything else."""
    if getattr(features, "ndim", None) == 1:
        features = list(features)
    if not isinstance(features, list | tuple) or not features:
        return None
    return [str(one) for one in features] if all(isinstance(one, str | Path) for one in features) else None


def _is_array_list(features: Any) -> bool:
    """Whether this is a list of images, each an array of its own ``(height, width)`` or ``(height, width, channels)``."""
    return isinstance(features, list | tuple) and bool(features) and getattr(features[0], "ndim", 0) in (2, 3)


def _stacked(images: Any) -> NDArray[Any]:
    """A list of images as one array; ValueError where their sizes differ."""
    shapes = sorted({np.shape(image) for image in images})
    if len(shapes) > 1:
        told = " and ".join(" x ".join(map(str, shape)) for shape in shapes[:2])
        raise ValueError(
            f"X is a list of images of different shapes, such as {told}; resize them, or give paths of files"
        )
    return np.stack([np.asarray(image) for image in images])
