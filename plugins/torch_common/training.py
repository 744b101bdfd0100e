"""The training loop that networks share: epochs, schedule, early stopping, deadline, exact continuation.

A training is a function of its seed, its data and the number of epochs, on one thread of a CPU to the last bit: random
numbers are seeded anew for each epoch, so that 3 and 5 more epochs are the same as 8.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from automl_plugins.torch_common.devices import draw_from, free_memory, is_out_of_memory, synchronise
from automl_plugins.torch_common.schedules import Anneal, factor
from automl_plugins.torch_common.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

ANNEAL_SHARE = 0.25
"""Where training ends early, the learning rate falls to 0 over so many of the epochs that led there."""
ANNEAL_SLACK = 1.1
"""The fall begins a little earlier than the pace so far says, as predicting and saving take time too."""


class Batches(Protocol):
    """Where batches come from."""

    def steps(self, batch_size: int) -> int:
        """Batches of an epoch."""

    def epoch(self, number: int, batch_size: int) -> Iterator[tuple[tuple[Tensor, ...], Tensor, Tensor | None]]:
        """Inputs of the network, target and weights (or None) of each batch, on the device; shuffled by a function of
        the seed and the number of the epoch only.
        """


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train, whatever the network."""

    seed: int
    batch_size: int
    epochs: float
    """Train up to here, what was trained before included."""
    full_epochs: float
    """Where the schedule ends."""
    schedule: str = "flat"
    warm_up_epochs: float = 0.0
    """The learning rate rises in a line over these."""
    clip: float | None = 1.0
    """Most that the norm of the gradient may be; None: anything."""
    patience: Callable[[float], float] | None = None
    """Epochs without progress after which training ends, from the epochs that led to the best; None: never."""
    deadline: float | None = None
    """`time.monotonic()` by which `train` returns."""
    device: str = "cpu"
    follow: Callable[[float], bool] | None = None
    """Called before each step with the share of full training that is over, and returns whether it changed anything: for
    dropout that fades, and the like. Where steps are taken as graphs it is called before each epoch.
    """
    alike: bool = False
    """Whether all steps do the same with their batch, apart from what `follow` changes: a GPU may then repeat a recording of
    one. They must not wait for a number from the GPU, nor take other ways by what they find there.
    """


@dataclass(kw_only=True)
class Progress:
    """How far a training has come: with the network's weights and the optimiser, all that its continuation needs."""

    epochs: float = 0.0
    batch_size: int = 0
    """Of the recipe, or half of it after the device ran out of memory; 0 before the first epoch."""
    best_loss: float = float("inf")
    best_epochs: float = 0.0
    best: dict[str, Tensor] = field(default_factory=dict)
    """Weights with the least validation loss; empty before the first, and without validation rows."""
    anneal: Anneal | None = None
    ended: str = ""
    """Why training ended before its epochs were used up: ``early``, ``deadline``, ``diverged``."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What is trained, and by what."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    objective: Callable[[Any, Tensor, Tensor | None], Tensor]
    """Turns outputs, target and weights of a batch into the loss."""
    judge: Callable[[], float] | None
    """Gives the validation loss of the network as it is; None without validation rows."""


def train(learner: Learner, batches: Batches, recipe: Recipe, progress: Progress) -> None:
    """Train the learner's network in place, and keep account in `progress`.

    Afterwards the network has the weights of its last step; `use_best` takes the best ones.
    """
    clock, steps = _Clock(recipe, progress.epochs), Steps(learner, recipe)
    progress.batch_size = progress.batch_size or recipe.batch_size
    if progress.ended == "deadline":
        progress.ended = ""
    while progress.epochs < recipe.epochs and not progress.ended:
        before = _copy(learner.network) if learner.judge is None else {}
        if _fits(learner, batches, steps, recipe, progress, clock):
            _settle(learner, recipe, progress, before, clock)
            continue
        progress.batch_size //= 2
        learner.optimiser.zero_grad(set_to_none=True)
        steps = Steps(learner, recipe)
        free_memory(recipe.device)
        clock.start(progress.epochs)


def use_best(network: nn.Module, progress: Progress) -> None:
    """Give the network its best weights, where validation rows told which those are."""
    if progress.best:
        network.load_state_dict(progress.best)


def _fits(learner: Learner, batches: Batches, steps: Steps, recipe: Recipe, progress: Progress, clock: _Clock) -> bool:
    """One epoch; False where memory ran out and half the batch may do: once, as the first size was a guess, and a device
    may be shared. On return the error is gone, and with it the batch and all else that its frames held.
    """
    try:
        _one_epoch(learner.network, batches, steps, recipe, progress, clock)
    except Exception as error:
        if not is_out_of_memory(error) or progress.batch_size < recipe.batch_size or progress.batch_size < 2:
            raise
        return False
    return True


def _one_epoch(
    network: nn.Module, batches: Batches, steps: Steps, recipe: Recipe, progress: Progress, clock: _Clock
) -> None:
    """One epoch, or what time allows of it."""
    first = int(progress.epochs)
    count = batches.steps(progress.batch_size)
    at = float(first)
    draw_from(_epoch_seed(recipe.seed, first), recipe.device)
    network.train()
    for step, (inputs, target, weight) in enumerate(batches.epoch(first, progress.batch_size)):
        at = first + step / count
        if clock.anneal_is_due(at, progress):
            progress.anneal = Anneal(begin=at, length=max(ANNEAL_SHARE * at, 1 / count), start=_rate(recipe, at))
        if step and (clock.is_over() or (progress.anneal is not None and progress.anneal.is_over(at))):
            progress.ended = "deadline"
            break
        if recipe.follow is not None and not (step and steps.as_graphs) and recipe.follow(at / recipe.full_epochs):
            steps.changed()
        rate = _rate(recipe, at) if progress.anneal is None else progress.anneal.factor(at)
        if recipe.warm_up_epochs:
            rate *= min(1.0, (at + 1 / count) / recipe.warm_up_epochs)
        steps.set_rate(rate)
        steps.take(inputs, target, weight)
    else:
        at = first + 1.0
    progress.epochs = at


def _settle(learner: Learner, recipe: Recipe, progress: Progress, before: dict[str, Tensor], clock: _Clock) -> None:
    """Judge the weights after an epoch, keep the best, and decide whether to go on."""
    network = learner.network
    synchronise(recipe.device)  # what the epoch still computes is its own time, and none of the judging
    if learner.judge is None:
        if not _is_finite(network):
            network.load_state_dict(before)
            progress.ended = "diverged"
    else:
        started = time.monotonic()
        loss = learner.judge()  # a number on the CPU: nothing is computed any more when it is there
        clock.judging = time.monotonic() - started
        if loss < progress.best_loss or not progress.best:
            progress.best_loss, progress.best_epochs, progress.best = loss, progress.epochs, _copy(network)
        if not loss < float("inf"):
            progress.ended = "diverged"
        elif not progress.ended:
            _stop_early(network, recipe, progress)
    if not progress.ended and clock.is_over():
        progress.ended = "deadline"


def _stop_early(network: nn.Module, recipe: Recipe, progress: Progress) -> None:
    """Where the validation loss falls no more, go back to the best weights and let the learning rate fall from there."""
    if progress.anneal is not None:
        if progress.anneal.is_over(progress.epochs):
            progress.ended = "early"
        return
    if recipe.patience is None or progress.epochs - progress.best_epochs < recipe.patience(progress.best_epochs):
        return
    network.load_state_dict(progress.best)
    progress.anneal = Anneal(
        begin=progress.epochs,
        length=float(max(2, round(ANNEAL_SHARE * progress.best_epochs))),
        start=_rate(recipe, progress.epochs),
    )


class _Clock:
    """The pace of a training, and what that means for its deadline."""

    def __init__(self, recipe: Recipe, epochs: float) -> None:
        self._deadline, self._device = recipe.deadline, recipe.device
        # A training that ends early by intention leaves the fall of its rate to the one that continues it.
        self._anneals = recipe.deadline is not None and recipe.epochs >= recipe.full_epochs
        self.judging = 0.0
        """Seconds of the last judging."""
        self.start(epochs)

    def start(self, epochs: float) -> None:
        """Measure the pace from here on."""
        self._first = epochs
        self._since: tuple[float, float] | None = None
        """When the first step was over, and the epochs until then: that step holds imports and other beginnings, which say
        nothing of the pace."""

    def is_over(self) -> bool:
        return self._deadline is not None and time.monotonic() + self.judging > self._deadline

    def anneal_is_due(self, at: float, progress: Progress) -> bool:
        """Whether the time left is just enough for the rate to fall to 0."""
        if not self._anneals or progress.anneal is not None or at <= self._first:
            return False
        assert self._deadline is not None
        if self._since is None:
            synchronise(self._device)  # a GPU may be at the first step still, and later steps would pay for it
            self._since = time.monotonic(), at
            return False
        now = time.monotonic()
        began, before = self._since
        pace = (now - began) / (at - before)
        return self._deadline - now - self.judging < ANNEAL_SLACK * ANNEAL_SHARE * at * pace


def _rate(recipe: Recipe, at: float) -> float:
    return factor(recipe.schedule, at / recipe.full_epochs)


def _epoch_seed(seed: int, epoch: int) -> int:
    return (seed * 1_000_003 + epoch * 7919 + 1) % (2**63 - 1)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _is_finite(network: nn.Module) -> bool:
    return all(bool(torch.isfinite(value).all()) for value in network.parameters())
