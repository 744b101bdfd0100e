"""A step of training: the batch's loss, its gradient, the optimiser.

A step of a small network is two hundred kernels of a few microseconds each, and starting one takes a CPU longer than a GPU
needs for it. Steps that are all alike are therefore recorded once as a CUDA graph and started as a whole after that: on an
H200 a step of an `mlp` of three layers takes 0.2 ms so, instead of 3.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from automl_plugins.torch_common.devices import mixed_precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl_plugins.torch_common.training import Learner, Recipe
    from torch import Tensor

    Batch = tuple[tuple[Tensor, ...], Tensor, Tensor | None]

WARM_STEPS = 3
"""Steps before one is recorded: in the first ones libraries allocate memory and choose kernels, which a graph cannot hold."""


class Steps:
    """Takes the steps of one training, as graphs where the recipe says that they are alike, on CUDA GPUs with Adam or AdamW."""

    def __init__(self, learner: Learner, recipe: Recipe) -> None:
        self._learner, self._recipe = learner, recipe
        optimiser = learner.optimiser
        self.as_graphs = recipe.alike and recipe.device.startswith("cuda") and "capturable" in optimiser.defaults
        """Whether what the steps hold fixed, learning rates apart, should change rarely: each change takes a new graph."""
        self._graph: torch.cuda.CUDAGraph | None = None
        self._held: Batch | None = None
        """The tensors that the graph reads; each batch is copied into them."""
        self._warm = 0
        if self.as_graphs:
            self._side = torch.cuda.Stream(recipe.device)
            for group in optimiser.param_groups:
                # A graph reads the rate from the GPU at each step; a plain number would stay what it was.
                group["lr"] = torch.tensor(float(group["lr"]), device=recipe.device)
                group["capturable"] = True

    def set_rate(self, factor: float) -> None:
        """Learning rates of the next step, as a factor of each group's ``base_lr``."""
        for group in self._learner.optimiser.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(group["base_lr"] * factor)
            else:
                group["lr"] = group["base_lr"] * factor

    def changed(self) -> None:
        """To be called where something else changed that a step depends on, such as dropout."""
        self._graph = None

    def take(self, inputs: tuple[Tensor, ...], target: Tensor, weight: Tensor | None) -> None:
        """One step with this batch."""
        batch = inputs, target, weight
        if not self.as_graphs:
            self._compute(batch)
            return
        if self._held is None or not _is_like(batch, self._held):
            self._graph, self._held, self._warm = None, _copy(batch), 0
        if self._warm < WARM_STEPS:
            self._warm += 1
            with _aside(self._side):
                self._compute(batch)
            return
        assert self._held is not None
        for there, one in zip(_tensors(self._held), _tensors(batch), strict=True):
            there.copy_(one)
        if self._graph is None:
            graph = torch.cuda.CUDAGraph()
            # Other threads of the process may use the GPU meanwhile.
            with (
                torch.cuda.device(self._recipe.device),
                torch.cuda.graph(graph, stream=self._side, capture_error_mode="thread_local"),
            ):
                self._compute(self._held)
            self._graph = graph
        self._graph.replay()

    def _compute(self, batch: Batch) -> None:
        inputs, target, weight = batch
        network, optimiser, recipe = self._learner.network, self._learner.optimiser, self._recipe
        with mixed_precision(recipe.device):
            loss = self._learner.objective(network(*inputs), target, weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()


@contextmanager
def _aside(side: torch.cuda.Stream) -> Iterator[None]:
    """Compute in a stream that begins when all before is done, and for which all behind waits."""
    usual = torch.cuda.current_stream(side.device)
    side.wait_stream(usual)
    with torch.cuda.stream(side), warnings.catch_warnings():
        # The optimiser may be recorded, and is not yet.
        warnings.filterwarnings("ignore", message=".*capturable.*", category=UserWarning)
        yield
    usual.wait_stream(side)


def _tensors(batch: Batch) -> list[Tensor]:
    inputs, target, weight = batch
    return [*inputs, target] + ([] if weight is None else [weight])


def _copy(batch: Batch) -> Batch:
    inputs, target, weight = batch
    return tuple(one.clone() for one in inputs), target.clone(), None if weight is None else weight.clone()


def _is_like(batch: Batch, other: Batch) -> bool:
    """Whether both have tensors of the same shapes."""
    return [one.shape for one in _tensors(batch)] == [one.shape for one in _tensors(other)]
