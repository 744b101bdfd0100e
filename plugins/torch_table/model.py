"""What the networks for tables share: from a table to a trained network, predictions, files.

A network is an `nn.Module` whose `forward` takes numbers ``(B, n)``, dense columns ``(B, d)`` and codes ``(B, c)`` and
returns outputs ``(B, heads, outputs)``; its last layer is called `head`. One output and one head is the usual case.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from automl_plugins.torch_common.devices import one_thread, seeded, to_device, torch_threads
from automl_plugins.torch_common.files import has_training, load_training, load_weights, save_training, save_weights
from automl_plugins.torch_common.losses import Loss, make_judge, matching_loss
from automl_plugins.torch_common.optimisers import Choice, make_optimiser, usual_groups
from automl_plugins.torch_common.predicting import in_batches
from automl_plugins.torch_common.targets import Target, balances, find_target, priors, row_weights
from automl_plugins.torch_common.training import Learner, Progress, Recipe, train, use_best
from automl_plugins.torch_table import EPOCHS
from automl_plugins.torch_table.batches import TableBatches, inputs_of
from automl_plugins.torch_table.columns import NetworkColumns, Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from automl_plugins.torch_table.batches import Inputs
    from automl_plugins.torch_table.columns import Encoded
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from automl import Config, Effort, TableData, Task

SAMPLE_ROWS = 10_000
"""Training rows that a network is set up with: edges of bins, sizes of first weights."""
PREDICTED_ROWS = 4096
"""Rows predicted at a time, so that memory stays bounded."""
UNDECAYED = ("bias", "shift", "slopes", "frequencies", "phases", "before", "behind", "answer")
"""Parameters whose name holds one of these keep their size."""
PATIENCE_EPOCHS = 12.0
PATIENCE_SHARE = 0.4
"""Training ends after so many epochs without progress, and this share of those that led to the best: slow learners
get more (as in AutoGluon, with 20 and a half).
"""


@dataclass(frozen=True, kw_only=True)
class _Training:
    """What goes on where this training ends: kept only where it could."""

    last: Mapping[str, Tensor]
    optimiser: torch.optim.Optimizer
    progress: Progress


class TableNetwork:
    """Base of the models: each brings its network and what it does differently."""

    name: ClassVar[str]
    one_hot_levels: ClassVar[int] = 4
    """Categories with at most so many levels need no embedding."""
    most_numbers: ClassVar[int | None] = None
    clip: ClassVar[float | None] = 1.0

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._columns = NetworkColumns(
            seed,
            scaling=self._get("scaling", "robust"),
            one_hot_levels=self.one_hot_levels,
            most_numbers=self.most_numbers,
        )
        self._target = Target()
        self._network: nn.Module | None = None
        self._device = "cpu"
        self._training: _Training | None = None

    # -- what each network brings --------------------------------------------------------------------

    def make_network(self, shape: Shape, outputs: int) -> nn.Module:
        """A fresh network, its weights drawn from torch's generator."""
        raise NotImplementedError

    def groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Parameters with their factors of the learning rate."""
        return usual_groups(network, UNDECAYED)

    def choice(self) -> Choice:
        """The optimiser."""
        return Choice(
            name=self._get("optimiser", "adamw"),
            learning_rate=self._get("learning_rate", 1e-3),
            weight_decay=self._get("weight_decay", 0.0),
            momentum=self._get("momentum", 0.9),
        )

    def patience(self, full_epochs: float) -> Callable[[float], float]:
        """Epochs without progress after which training ends, from the epochs that led to the best."""
        del full_epochs
        return lambda best: PATIENCE_EPOCHS + PATIENCE_SHARE * best

    def follow(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> Callable[[float], bool] | None:
        """What changes while training goes on; called with the share of it that is over, it returns whether anything did."""
        del network, optimiser
        return None

    # -- the model -----------------------------------------------------------------------------------

    def fit(self, train_rows: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Train until the validation loss stops falling, the epochs are used up or the deadline is near."""
        with torch_threads(effort.threads), seeded(self._seed, effort.device):
            return self._fit(train_rows, valid, effort)

    def _fit(self, train_rows: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        assert train_rows.target is not None
        encoded = self._columns.fit_transform(train_rows, self._task)
        balance = bool(self._get("class_weights", balances(self._task)))
        self._target = find_target(self._task, train_rows.target, train_rows.weight, balance=balance)
        batches = self._batches(encoded, train_rows, effort.device)
        network = self._set_up(encoded, batches)
        self._network, self._device = network.to(effort.device), effort.device
        optimiser = make_optimiser(self.groups(network), self.choice())
        progress = Progress()
        if effort.checkpoint is not None and has_training(effort.checkpoint):
            progress = load_training(effort.checkpoint, network, optimiser)
        recipe = self._recipe(effort, network, optimiser, rows=len(train_rows))
        loss = matching_loss(self._task, self._get("label_smoothing", 0.0))
        learner = Learner(
            network=network,
            optimiser=optimiser,
            objective=lambda outputs, target, weight: _objective(loss, outputs, target, weight),
            judge=None if valid is None else self._judge(valid, loss),
        )
        train(learner, batches, recipe, progress)
        if recipe.epochs < recipe.full_epochs:  # another fit may go on from here
            last = {name: value.detach().clone() for name, value in network.state_dict().items()}
            self._training = _Training(last=last, optimiser=optimiser, progress=progress)
        use_best(network, progress)
        network.eval()
        return _facts(progress, stopped_early=valid is not None and recipe.epochs >= recipe.full_epochs)

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        with one_thread():
            # Rows go to the device batch by batch: all at once may be more than it holds.
            outputs = self._outputs(inputs_of(self._columns.transform(data), "cpu"))
            if self._task.is_classification:
                return self._target.probabilities(torch.softmax(outputs, dim=1).cpu().numpy())
            return self._target.values(outputs.cpu().numpy())

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the rest as JSON and arrays; where training may go on, what that needs, too."""
        assert self._network is not None
        save_weights(folder, self._network)
        self._columns.save(folder)
        self._target.save(folder)
        if self._training is not None:
            best = {name: value.detach().clone() for name, value in self._network.state_dict().items()}
            self._network.load_state_dict(dict(self._training.last))
            save_training(folder, self._network, self._training.optimiser, self._training.progress)
            self._network.load_state_dict(best)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> TableNetwork:
        """Read it back, onto the CPU; PredictorError when files are missing, damaged or of another network."""
        model = cls(config, task, seed)
        model._columns = NetworkColumns.load(folder, seed)
        model._target = Target.load(folder)
        with seeded(seed, "cpu"):  # the drawn weights are overwritten, the caller's generator stays as it is
            model._network = model.make_network(model._columns.shape, model._output_count())
        load_weights(folder, model._network)
        model._network.eval()
        return model

    # -- parts of it ---------------------------------------------------------------------------------

    def _get(self, name: str, otherwise: Any) -> Any:
        """A hyperparameter; absent where it does not apply."""
        value = self._config.get(name)
        return otherwise if value is None else value

    def settings(self, kind: type[Any]) -> Any:
        """The network's own hyperparameters as its record of settings; those that do not apply keep their defaults."""
        own = {field.name for field in fields(kind)}
        return kind(**{name: value for name, value in self._config.items() if name in own and value is not None})

    def _output_count(self) -> int:
        return self._task.class_count if self._task.is_classification else 1

    def _batches(self, encoded: Encoded, rows: TableData, device: str) -> TableBatches:
        assert rows.target is not None
        weight = row_weights(self._task, rows.target, rows.weight, self._target)
        return TableBatches(
            seed=self._seed,
            inputs=inputs_of(encoded, device),
            target=torch.from_numpy(self._target.to_model(rows.target)).to(device),
            weight=None if weight is None else torch.from_numpy(weight).to(device),
        )

    def _set_up(self, encoded: Encoded, batches: TableBatches) -> nn.Module:
        """A fresh network, fitted to a sample of the training rows: what they are like, and what is predicted of them
        before anything is learned.
        """
        network: Any = self.make_network(self._columns.shape, self._output_count())
        rows = len(encoded.numbers)
        drawn = np.arange(rows)
        if rows > SAMPLE_ROWS:
            drawn = np.sort(np.random.default_rng(self._seed).choice(rows, SAMPLE_ROWS, replace=False))
        sample = replace(
            encoded, numbers=encoded.numbers[drawn], dense=encoded.dense[drawn], codes=encoded.codes[drawn]
        )
        weight = None if batches.weight is None else batches.weight.cpu().numpy()
        with torch.no_grad():
            network.set_up(*inputs_of(sample, "cpu"))
            bias = network.head.bias
            bias.copy_(torch.from_numpy(priors(self._task, batches.target.cpu().numpy(), weight)).expand_as(bias))
        return network  # type: ignore[no-any-return]

    def _recipe(self, effort: Effort, network: nn.Module, optimiser: torch.optim.Optimizer, *, rows: int) -> Recipe:
        full = float(effort.full.get("epochs", EPOCHS[self.name]))
        return Recipe(
            seed=self._seed,
            batch_size=min(int(self._get("batch_size", 256)), max(rows, 1)),
            epochs=float(effort.fidelity.get("epochs", full)),
            full_epochs=full,
            schedule=self._get("schedule", "flat"),
            clip=self.clip,
            patience=self.patience(full),
            deadline=effort.deadline,
            device=effort.device,
            follow=self.follow(network, optimiser),
            alike=True,
        )

    def _judge(self, valid: TableData, loss: Loss) -> Callable[[], float]:
        assert valid.target is not None
        rows = self._batches(self._columns.transform(valid), valid, self._device)
        return make_judge(lambda: self._outputs(rows.inputs), rows.target, rows.weight, loss)

    @torch.inference_mode()
    def _outputs(self, inputs: Inputs) -> Tensor:
        """Scores of the classes ``(rows, classes)``, or values ``(rows,)``; heads are averaged as predictions."""
        assert self._network is not None
        network = self._network.eval()

        def compute(start: int, stop: int) -> Tensor:
            rows = (to_device(one[start:stop], self._device) for one in inputs)
            scores: Tensor = network(*rows)  # (B, heads, outputs)
            if not self._task.is_classification:
                return scores.mean(dim=1).squeeze(1)  # (B,)
            shares = torch.log_softmax(scores, dim=2)  # the logarithm of a mean of probabilities is a score, too
            return torch.logsumexp(shares, dim=1)  # (B, classes)

        return in_batches(compute, rows=len(inputs[0]), most=PREDICTED_ROWS, device=self._device)


def _objective(loss: Loss, outputs: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Each head learns by itself: the mean of their losses, not the loss of their mean."""
    heads = outputs.shape[1]
    flat = outputs.flatten(0, 1)  # (B, heads, outputs) -> (B * heads, outputs)
    if loss.kind != "classes":
        flat = flat.squeeze(1)
    if heads == 1:
        return loss(flat, target, weight)
    return loss(flat, target.repeat_interleave(heads), None if weight is None else weight.repeat_interleave(heads))


def _facts(progress: Progress, *, stopped_early: bool) -> dict[str, float]:
    """Epochs trained; where the validation rows chose among them, those that led to the best: a refit trains so long."""
    epochs = progress.best_epochs if stopped_early else progress.epochs
    return {"epochs": float(max(round(epochs), 1)), "batch_size": float(progress.batch_size)}
