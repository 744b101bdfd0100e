"""What a predictor must know to see new images as it saw the training images."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class ImageSchema:
    """How images become pixels: fitted once, stored with the predictor."""

    side: int
    """Pixels of the square that every image is squeezed into first; other resolutions are made from it."""
    channels: int
    """1 (grey) or 3"""
    height: int
    """Median height of the training images"""
    width: int
    column: str
    """Column that names the images, where they come in a table"""
    scale: float | None = None
    """By what values of arrays are multiplied to become bytes, where the training images were in an array"""

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ImageSchema:
        """The inverse of :meth:`to_dict`."""
        return cls(**plain)
