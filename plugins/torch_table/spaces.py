"""The search spaces of the networks for tables. Imports no torch: the driver of a run makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl_plugins.torch_common.metric_kinds import BALANCED, is_of_labels

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from automl import Task

BATCHES = (32, 64, 128, 256, 512, 1024)
ROWS_OF_BATCH = ((1_000, 32), (3_000, 64), (6_000, 128), (50_000, 256), (200_000, 512))
"""Up to so many rows, batches of this size: small tables need more steps in an epoch, large ones quicker rows."""
FEW_ROWS = 400


def mlp(task: Task) -> ConfigurationSpace:
    """TabArena's and AutoGluon's ranges for plain networks (arXiv 2506.16791), with what LCBench searches besides:
    batch sizes and SGD's momentum (Zimmer et al. 2021, arXiv 2006.13799). The default is what did best among 48
    configurations on the mean of 11 tables of up to 4,000 rows (``baselines/table-mlp-2026-11-27.json`` has the runners-up); it takes
    half of what three layers of 256 without normalisation take, as it needs fewer epochs. These are better on few rows, where
    batches tell too little of means and spreads.
    """
    from ConfigSpace import Categorical, EqualsCondition, Float, Integer

    few = task.rows <= FEW_ROWS
    made = _training(
        task, rate=(1e-4, 3e-2, 1e-3 if few else 1.2e-3), decay=(1e-6, 0.1, 2e-2 if few else 1.2e-2), dropout=0.2
    )
    optimiser = Categorical("optimiser", ["adamw", "adam", "sgd"], default="adamw", weights=[0.6, 0.2, 0.2])
    momentum = Float("momentum", (0.85, 0.99), default=0.9)
    made.add(
        Integer("layers", (1, 5), default=3 if few else 2),
        Integer("width", (64, 512), log=True, default=256 if few else 96),
        Categorical("norm", ["none", "batch", "layer"], default="none" if few else "batch"),
        Categorical("activation", ["relu", "silu", "selu"], default="relu" if few else "silu"),
        Categorical("residual", [False, True], default=False),
        Categorical("schedule", ["flat", "cosine", "one_cycle"], default="flat" if few else "cosine"),
        optimiser,
        momentum,
        EqualsCondition(momentum, optimiser, "sgd"),
    )
    _embeddings(made, bins=16, scaling="robust" if few else "quantile", category_dimensions=8 if few else 4)
    return made


def realmlp(task: Task) -> ConfigurationSpace:
    """The space of TabArena around the tuned defaults of arXiv 2407.04491 (table of RealMLP-TD)."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer, OrdinalHyperparameter

    classes = task.is_classification
    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (2e-2, 0.3), log=True, default=0.04 if classes else 0.2),
        Float("weight_decay", (1e-3, 5e-2), log=True, default=0.02),
        Float("dropout", (0.0, 0.5), default=0.15),
        Float("sigma", (1e-2, 50.0), log=True, default=0.1),
        Float("forgetting", (5e-3, 5e-2), log=True, default=0.05),
        Float("scale_factor", (2.0, 10.0), log=True, default=6.0),
        Integer("layers", (2, 4), default=3),
        OrdinalHyperparameter("width", [128, 256, 384, 512], default_value=256),
        OrdinalHyperparameter("category_dimensions", [4, 8, 16], default_value=8),
        OrdinalHyperparameter("batch_size", BATCHES, default_value=_batch_size(task)),
        Categorical("activation", ["selu", "mish"], default="selu" if classes else "mish"),
        Categorical("schedule", ["coslog4", "flat", "cosine"], default="coslog4", weights=[0.8, 0.1, 0.1]),
    )
    # Smoothed labels make probabilities too careful: they pay where only the label counts (as in AutoGluon's RealMLP).
    _for_classes(made, task, smoothing=0.1 if is_of_labels(task.metric) else 0.0)
    return made


def tabm(task: Task) -> ConfigurationSpace:
    """The space of TabArena (arXiv 2506.16791), with fewer members and narrower layers by default than on GPUs."""
    from ConfigSpace import Categorical, Integer, OrdinalHyperparameter

    made = _training(task, rate=(1e-4, 5e-3, 2e-3), decay=(1e-6, 0.1, 3e-4))
    made.add(
        OrdinalHyperparameter("members", [4, 8, 16, 32], default_value=16),
        Integer("layers", (1, 5), default=2),
        Integer("width", (64, 1024), log=True, default=256),
        Categorical("adapters", ["all", "first"], default="all"),
    )
    _embeddings(made, bins=24)
    return made


def ft_transformer(task: Task) -> ConfigurationSpace:
    """Around the defaults of arXiv 2106.11959, section 4, with smaller tokens and fewer blocks by default."""
    from ConfigSpace import Float, OrdinalHyperparameter

    made = _training(task, rate=(3e-5, 3e-3, 5e-4), decay=(1e-6, 1e-1, 1e-5))
    made.add(
        OrdinalHyperparameter("blocks", [1, 2, 3, 4], default_value=2),
        OrdinalHyperparameter("width", [32, 64, 96, 128, 192, 256], default_value=96),
        Float("attention_dropout", (0.0, 0.5), default=0.2),
        Float("residual_dropout", (0.0, 0.2), default=0.0),
        *_scaling("quantile"),
    )
    return made


def _training(
    task: Task, *, rate: tuple[float, float, float], decay: tuple[float, float, float], dropout: float = 0.1
) -> ConfigurationSpace:
    """What all but RealMLP share; `rate` and `decay` are lowest, highest and default."""
    from ConfigSpace import ConfigurationSpace, Float, OrdinalHyperparameter

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", rate[:2], log=True, default=rate[2]),
        Float("weight_decay", decay[:2], log=True, default=decay[2]),
        Float("dropout", (0.0, 0.5), default=dropout),
        OrdinalHyperparameter("batch_size", BATCHES, default_value=_batch_size(task)),
    )
    _for_classes(made, task, smoothing=0.0)
    return made


def _for_classes(made: ConfigurationSpace, task: Task, *, smoothing: float) -> None:
    from ConfigSpace import Categorical, Float

    if task.is_classification:
        made.add(
            Float("label_smoothing", (0.0, 0.15), default=smoothing),
            Categorical("class_weights", [False, True], default=task.metric in BALANCED, weights=[0.7, 0.3]),
        )


def _embeddings(made: ConfigurationSpace, *, bins: int, scaling: str = "robust", category_dimensions: int = 8) -> None:
    """How numbers and categories are taken in."""
    from ConfigSpace import Categorical, EqualsCondition, Float, InCondition, Integer, OrdinalHyperparameter

    embedding = Categorical("embedding", ["plain", "periodic", "piecewise"], default="piecewise")
    dimensions = OrdinalHyperparameter("dimensions", [4, 8, 16], default_value=8)
    pieces = Integer("bins", (4, 64), log=True, default=bins)
    sigma = Float("sigma", (1e-2, 10.0), log=True, default=0.1)
    made.add(embedding, dimensions, pieces, sigma, *_scaling(scaling))
    made.add(OrdinalHyperparameter("category_dimensions", [4, 8, 16, 32], default_value=category_dimensions))
    made.add(
        InCondition(dimensions, embedding, ["periodic", "piecewise"]),
        EqualsCondition(pieces, embedding, "piecewise"),
        EqualsCondition(sigma, embedding, "periodic"),
    )


def _scaling(default: str) -> list[object]:
    from ConfigSpace import Categorical

    return [Categorical("scaling", ["robust", "quantile"], default=default)]


def _batch_size(task: Task) -> int:
    return next((size for rows, size in ROWS_OF_BATCH if task.rows <= rows), BATCHES[-1])
