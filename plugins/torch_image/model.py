"""What networks on images have in common: from configuration, rows and effort to a trained network, and to disk."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automl_plugins.torch_common import files
from automl_plugins.torch_common.devices import one_thread, seeded, torch_threads
from automl_plugins.torch_common.losses import Loss, make_judge, matching_loss
from automl_plugins.torch_common.optimisers import make_optimiser, usual_groups
from automl_plugins.torch_common.targets import Target, balances, find_target, row_weights
from automl_plugins.torch_common.training import Learner, Progress, Recipe, train, use_best
from automl_plugins.torch_image.augment import Augmentation
from automl_plugins.torch_image.averaging import Averaged, predicting
from automl_plugins.torch_image.counting import count_madds, count_parameters
from automl_plugins.torch_image.pixels import ImageBatches, Images, Normalisation, moved, outputs_of
from automl_plugins.torch_image.recipes import compiling_pays, make_choice, make_recipe
from automl_plugins.torch_image.scaling import ALPHA, BETA, Scale, compound_scale, scale_channels, scale_side

from automl import PredictorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from automl import Config, Effort, ImageData, Task

FULL_EPOCHS = 25
ABOUT = "network.json"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a network is built for; with the configuration, all that rebuilding it needs."""

    channels: int
    outputs: int
    """Classes, or 1 for values."""
    side: int
    """Pixels of its input."""
    base_side: int
    """The same at phi = 0 and full resolution, which decides about strides."""
    phi: float


class ImageNetwork:
    """A network trained on images; a subclass builds it."""

    full_epochs: float = FULL_EPOCHS

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config: dict[str, Any] = dict(config)
        self._task, self._seed = task, seed
        self._device = "cpu"
        self._network: nn.Module | None = None
        self._shape: Shape | None = None
        self._normalisation: Normalisation | None = None
        self._target = Target()
        self._training: tuple[nn.Module, torch.optim.Optimizer, Progress] | None = None
        """What a longer training goes on from; None after a full one."""

    # -- what subclasses say ------------------------------------------------------------------------

    @property
    def gains_by_compiling(self) -> bool:
        """Whether steps of a long training are faster compiled on a GPU: on an H200 those of a ResNet are slower."""
        return False

    def build(self, shape: Shape, scale: Scale) -> nn.Module:
        """The untrained network ``(rows, channels, side, side) -> (rows, outputs)``."""
        raise NotImplementedError

    def _usual(self, shape: Shape, scale: Scale) -> dict[str, Any]:
        """Settings of networks with the space of `scratch_space`."""
        return {
            "channels": shape.channels,
            "outputs": shape.outputs,
            "base_side": shape.base_side,
            "width": scale_channels(int(self._config["width"]), scale.width),
            "dropout": float(self._config["dropout"]),
        }

    def prepare(self, network: nn.Module) -> None:
        """Weights from elsewhere; called for a fresh network, not for one that is continued or loaded."""

    def normalise(self, images: Images) -> Normalisation:
        """How pixels become inputs."""
        return Normalisation.of(images)

    def groups(self, network: nn.Module) -> list[dict[str, Any]]:
        """Parameters with learning rates of their own, as `make_optimiser` takes them."""
        return usual_groups(network)

    def follow(self, network: nn.Module, share: float) -> None:
        """Called before each step with the share of full training that is over."""

    def channels(self, data: ImageData) -> int:
        """Channels of the input."""
        return data.channels

    def kept(self) -> dict[str, Any]:
        """What `build` needs to know after loading, beside the configuration; plain values."""
        return {}

    def recall(self, kept: dict[str, Any]) -> None:
        """Take back what `kept` returned; called before `build` when a model is loaded."""

    # -- the protocol -------------------------------------------------------------------------------

    def fit(self, train: ImageData, valid: ImageData | None, effort: Effort) -> dict[str, float]:
        """Train; returns epochs, multiply-adds per image and what else was spent as facts."""
        with torch_threads(effort.threads), seeded(self._seed, effort.device):
            return self._fit(train, valid, effort)

    def _fit(self, train: ImageData, valid: ImageData | None, effort: Effort) -> dict[str, float]:
        self._device = effort.device
        shape = self._shape = self._shape_of(train, effort)
        images = Images(train, shape.side, shape.channels)
        self._normalisation = self.normalise(images)
        assert train.target is not None
        balance = self._task.is_classification and bool(self._config.get("class_weights", balances(self._task)))
        self._target = find_target(self._task, train.target, train.weight, balance=balance)
        batches = self._batches(train, images)
        recipe = make_recipe(self._config, effort, seed=self._seed, rows=len(images), full_epochs=self.full_epochs)
        network = self.build(shape, self._scale(shape.phi))
        if effort.checkpoint is None:
            self.prepare(network)
        network = moved(network, effort.device)
        if self._config.get("average_weights"):
            network = Averaged(network, batches.steps(recipe.batch_size))
        optimiser = make_optimiser(self.groups(_trained(network)), make_choice(self._config))
        progress = Progress()
        if effort.checkpoint is not None:
            progress = files.load_training(effort.checkpoint, network, optimiser)
        started, before = time.monotonic(), progress.epochs
        self._train(self._learner(network, optimiser, valid), batches, recipe, progress)
        seconds = time.monotonic() - started
        if recipe.epochs < recipe.full_epochs:
            self._training = (network, optimiser, progress)
        self._network = self._best(network, progress)
        pace = seconds / max(progress.epochs - before, 1e-9)
        return self._facts(progress, pace, effort, judged=valid is not None and len(valid) > 0)

    def predict(self, data: ImageData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._network is not None
        assert self._shape is not None
        if not len(data):
            return np.zeros((0, self._task.class_count) if self._task.is_classification else 0)
        with one_thread(), torch.inference_mode():
            # First to the CPU: not every GPU has double precision.
            images = Images(data, self._shape.side, self._shape.channels)
            outputs = self._outputs(self._network, images, precise=True).cpu().double()
            if self._task.is_classification:
                return self._target.probabilities(torch.softmax(outputs, dim=1).numpy())
            return self._target.values(outputs.numpy())

    def save(self, folder: Path) -> None:
        """Weights as safetensors, the rest as JSON; after a partial training, what continues it."""
        assert self._network is not None
        assert self._shape is not None
        assert self._normalisation is not None
        files.save_weights(folder, self._network)
        about = {"shape": asdict(self._shape), "normalisation": asdict(self._normalisation), "kept": self.kept()}
        (folder / ABOUT).write_text(json.dumps(about))
        self._target.save(folder)
        if self._training is not None:
            files.save_training(folder, *self._training)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> ImageNetwork:
        """Read it back onto the CPU; PredictorError when it is damaged."""
        model = cls(config, task, seed)
        try:
            about = json.loads((folder / ABOUT).read_text())
            shape = Shape(**about["shape"])
            normalisation = Normalisation(**{name: tuple(values) for name, values in about["normalisation"].items()})
            model.recall(about["kept"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PredictorError(f"{folder / ABOUT} is missing or damaged ({error}); fit again") from error
        model._target = Target.load(folder)
        with seeded(seed, "cpu"):  # the drawn weights are overwritten, the caller's generator stays as it is
            network = moved(model.build(shape, model._scale(shape.phi)), "cpu")
        files.load_weights(folder, network)
        model._shape, model._normalisation, model._network = shape, normalisation, network.eval()
        return model

    # -- parts of a fit -----------------------------------------------------------------------------

    def _shape_of(self, train: ImageData, effort: Effort) -> Shape:
        """Input and scale at this effort."""
        phi = effort.fidelity.get("phi", effort.full.get("phi", 0.0))
        resolution = effort.fidelity.get("resolution", effort.full.get("resolution", 1.0))
        base = int(self._config["side"])
        return Shape(
            channels=self.channels(train),
            outputs=max(self._task.class_count, 1),
            side=scale_side(base, self._scale(phi).resolution * resolution),
            base_side=base,
            phi=phi,
        )

    def _scale(self, phi: float) -> Scale:
        alpha, beta = float(self._config.get("alpha", ALPHA)), float(self._config.get("beta", BETA))
        return compound_scale(phi, alpha, beta)

    def _batches(self, train: ImageData, images: Images) -> ImageBatches:
        assert self._normalisation is not None
        target, weight = self._learned(train)
        return ImageBatches(
            images=images,
            target=target,
            weight=weight,
            classes=self._task.class_count,
            normalisation=self._normalisation,
            augmentation=Augmentation.of(self._config),
            seed=self._seed,
            device=self._device,
        )

    def _learned(self, data: ImageData) -> tuple[Tensor, Tensor | None]:
        """What is learned of these rows ``(rows,)`` and what each counts for, on the CPU."""
        assert data.target is not None
        weight = row_weights(self._task, data.target, data.weight, self._target)
        return (
            torch.from_numpy(self._target.to_model(data.target)),
            None if weight is None else torch.from_numpy(weight),
        )

    def _loss(self) -> Loss:
        return matching_loss(self._task, float(self._config.get("label_smoothing", 0.0)))

    def _train(self, learner: Learner, batches: ImageBatches, recipe: Recipe, progress: Progress) -> None:
        """The loop of `torch_common.training`, compiled where that pays, and told what follows it."""
        network, trained = learner.network, _trained(learner.network)
        suppressing: Any = nullcontext()
        if self.gains_by_compiling and compiling_pays(recipe, progress, batches):
            trained.compile()
            suppressing = torch._dynamo.config.patch(suppress_errors=True)  # what cannot be compiled runs as it is

        def follow(share: float) -> bool:
            self.follow(trained, share)
            if isinstance(network, Averaged):
                network.update()
            return True

        with suppressing:
            train(learner, batches, replace(recipe, follow=follow), progress)

    def _learner(self, network: nn.Module, optimiser: torch.optim.Optimizer, valid: ImageData | None) -> Learner:
        """The network with what is to be minimised and how it is judged."""
        assert self._shape is not None
        loss = self._loss()
        judge: Callable[[], float] | None = None
        if valid is not None and len(valid):
            images = Images(valid, self._shape.side, self._shape.channels)
            target, weight = (None if one is None else one.to(self._device) for one in self._learned(valid))
            assert target is not None
            is_precise = not self._task.is_classification  # bf16 is enough to tell classes apart
            judge = make_judge(lambda: self._outputs(network, images, precise=is_precise), target, weight, loss)
        return Learner(
            network=network,
            optimiser=optimiser,
            objective=lambda outputs, target, weight: loss(self._flat(outputs), target, weight),
            judge=judge,
        )

    def _outputs(self, network: nn.Module, images: Images, *, precise: bool) -> Tensor:
        """(rows, classes) or (rows,), in evaluation mode."""
        assert self._normalisation is not None
        network.eval()
        outputs = outputs_of(
            network,
            images,
            self._normalisation,
            device=self._device,
            flips=bool(self._config.get("flip_at_test", False)),
            precise=precise,
        )
        return self._flat(outputs)

    def _flat(self, outputs: Tensor) -> Tensor:
        return outputs if self._task.is_classification else outputs[:, 0]

    def _best(self, network: nn.Module, progress: Progress) -> nn.Module:
        """The network that predicts: with its best weights, while `network` keeps the last for a continuation."""
        if self._training is None:
            use_best(network, progress)
            return predicting(network).eval()
        assert self._shape is not None
        best = moved(self.build(self._shape, self._scale(self._shape.phi)), self._device)
        prefix = "average." if isinstance(network, Averaged) else ""
        state = progress.best or network.state_dict()
        best.load_state_dict({name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)})
        return best.eval()

    def _facts(self, progress: Progress, epoch_seconds: float, effort: Effort, *, judged: bool) -> dict[str, float]:
        assert self._shape is not None
        assert self._network is not None
        shape = self._shape
        # A refit has no validation rows to choose among its epochs: it trains for as long as paid here.
        epochs = progress.best_epochs if judged and self._training is None else progress.epochs
        return {
            "epochs": max(epochs, 1.0),
            "phi": shape.phi,
            "resolution": effort.fidelity.get("resolution", effort.full.get("resolution", 1.0)),
            "side": float(shape.side),
            "madds": float(count_madds(lambda: self.build(shape, self._scale(shape.phi)), shape.channels, shape.side)),
            "parameters": float(count_parameters(self._network)),
            "epoch_seconds": epoch_seconds,
        }


def _trained(network: nn.Module) -> nn.Module:
    return network.live if isinstance(network, Averaged) else network
