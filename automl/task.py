"""What is to be learned: target, problem type, modality and metric."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl.specs import ProblemType

Label = str | bool | int | float


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be learned, as every model, space function and portfolio sees it."""

    target: str
    problem_type: ProblemType
    metric: str
    """Name of the metric that the run optimises."""
    rows: int
    """Training rows, before resampling."""
    features: int
    """Used feature columns; of images, height x width x channels."""
    modality: Literal["table", "images"] = "table"
    height: int = 0
    """Median height of the training images in pixels; 0 for tables."""
    width: int = 0
    """Median width of the training images in pixels; 0 for tables."""
    channels: int = 0
    """1 (grey) or 3 (colour); 0 for tables."""
    pretrained: str = ""
    """Pretrained weights that models may start from, by a name or file that their plugin knows; empty: none."""
    classes: tuple[Label, ...] = ()
    """Original labels in the order of their codes; empty for regression."""
    categories: int = 0
    """Feature columns that are categories."""
    texts: int = 0
    """Feature columns that are free text."""
    monotone: Mapping[str, int] = field(default_factory=dict)
    """Column name -> 1 (rising) or -1 (falling), as the user asked."""
    target_encoding: bool = True
    """Whether models may see categories of many levels as means of the target."""
    reasons: tuple[str, ...] = ()
    """Why this problem type and this metric."""

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class."""
        return self.problem_type != "regression"

    @property
    def class_count(self) -> int:
        """Number of classes, 0 for regression."""
        return len(self.classes)

    @property
    def outputs(self) -> int:
        """Numbers that a prediction consists of where the classes have one each; 1 for values and two classes."""
        return self.class_count if self.problem_type == "multiclass" else 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = asdict(self)
        plain["monotone"] = dict(self.monotone)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Task:
        """The inverse of :meth:`to_dict`."""
        values = dict(plain)
        values["classes"] = tuple(values.get("classes", ()))
        values["reasons"] = tuple(values.get("reasons", ()))
        return cls(**values)
