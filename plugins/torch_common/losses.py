"""The loss that matches a metric: what a network minimises, and what judges it on the validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_common.metric_kinds import ABSOLUTE
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from automl import Task


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss by name."""

    kind: str
    """``classes`` (cross-entropy), ``squared`` or ``absolute``."""
    smoothing: float = 0.0
    """Label smoothing (Szegedy et al. 2016): this share of each label is spread over all classes."""

    def each(self, outputs: Tensor, target: Tensor, *, smooth: bool = True) -> Tensor:
        """Loss of each row: `outputs` ``(rows, classes)`` with codes, or ``(rows,)`` with values."""
        outputs = outputs.float()
        if self.kind == "classes":
            smoothing = self.smoothing if smooth else 0.0
            return functional.cross_entropy(outputs, target, reduction="none", label_smoothing=smoothing)
        if self.kind == "absolute":
            return (outputs - target).abs()
        return (outputs - target).square()

    def __call__(self, outputs: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        """Mean loss of a batch, for training."""
        return mean(self.each(outputs, target), weight)


def mean(losses: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over rows, weighted where there are weights."""
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum().clamp_min(1e-12)


def matching_loss(task: Task, smoothing: float = 0.0) -> Loss:
    """The loss that goes with the task's metric."""
    if task.is_classification:
        return Loss(kind="classes", smoothing=smoothing)
    return Loss(kind="absolute" if task.metric in (*ABSOLUTE, "mape") else "squared")


def make_judge(predict: Callable[[], Tensor], target: Tensor, weight: Tensor | None, loss: Loss) -> Callable[[], float]:
    """A function that gives the validation loss: `predict` returns outputs of all validation rows."""

    def judge() -> float:
        with torch.inference_mode():
            return float(mean(loss.each(predict(), target, smooth=False), weight))

    return judge
