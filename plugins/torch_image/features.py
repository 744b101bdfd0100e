"""Features from a pretrained network whose weights stay as they are, and a model for tables on top of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from automl_plugins.torch_common.devices import seeded, torch_threads
from automl_plugins.torch_common.files import load_tensors, put_weights, save_tensors
from automl_plugins.torch_image.bodies import Architecture, load_body
from automl_plugins.torch_image.feature_cache import FeatureCache, fingerprint, hash_of, shared_features
from automl_plugins.torch_image.heads import head_config, head_models, head_task
from automl_plugins.torch_image.pixels import Images, moved, outputs_of

from automl import Effort, MatrixData, PredictorError, RunError, TableData, TableLayout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl import Config, ImageData, ModelSpec, Task

BODY = "body.safetensors"
ABOUT = "features.json"
HEAD = "head"
LEAST_ROWS = 10
"""Images without which nothing can be learned: they are computed whatever the time."""
CHUNK_ROWS = 128
"""Images whose features are computed at a time, at most."""
CHUNK_SECONDS = 1.0
"""Under a deadline, what such a part may take: it is not broken off."""
HEAD_SHARE = 0.3
"""Share of the seconds left that is kept for the model on top while features are computed."""


class PretrainedFeatures:
    """Image -> features of a frozen network -> any model for tables.

    Features are computed once for an image and kept beside the run's pixels, so that other folds and other models on
    top find them there.
    """

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config: dict[str, Any] = dict(config)
        self._task, self._seed = task, seed
        self._side, self._flips = int(self._config["side"]), bool(self._config["flips"])
        self._device = "cpu"
        self._architecture: Architecture | None = None
        self._body: Any = None
        self._body_hash = ""
        self._kept: Path | None = None
        """A file with the body's weights that members of a run share."""
        self._centre = self._spread = np.zeros(0, dtype=np.float32)
        self._head: Any = None

    def fit(self, train: ImageData, valid: ImageData | None, effort: Effort) -> dict[str, float]:
        """Compute what features are missing, and fit the model on top."""
        self._device = effort.device
        with torch_threads(effort.threads), seeded(self._seed, effort.device):
            self._architecture, self._body = load_body(str(self._config["weights"]))
            self._body = moved(self._body, effort.device)
            self._head = self._new_head()  # what it imports takes no time of the features
            self._kept = _share_body(train, self._body_key(), self._body)
            spread = first = None
            if effort.deadline is not None:
                spread = effort.deadline - HEAD_SHARE * effort.seconds_left()
                # What is not computed of the validation rows now is when they are predicted, when time is over.
                behind = 0 if valid is None else len(valid)
                first = spread - (1.0 - HEAD_SHARE) * effort.seconds_left() * behind / (len(train) + behind)
            order, classes = _varied_order(train, self._task, self._seed)
            done, values = self._features(train, order, first, least=max(LEAST_ROWS, min(classes, CHUNK_ROWS)))
            if classes and len(np.unique(np.asarray(train.target)[done])) < classes:
                raise RunError(
                    f"time was left for the features of {len(done)} images only, not one of each of {classes} classes; "
                    "give more, or a smaller side"
                )
            seen = None
            if valid is not None and len(valid):
                rows, seen = self._features(valid, np.arange(len(valid)), spread)
                seen = seen if len(rows) == len(valid) else None
        self._centre = values.mean(axis=0)
        self._spread = np.maximum(values.std(axis=0), 1e-6)
        held = None if valid is None or seen is None else self._table(valid, seen)
        train = train.take(done)
        onto = Effort(deadline=effort.deadline, threads=effort.threads)
        facts = self._head.fit(self._table(train, values), held, onto) or {}
        told = {f"head_{name}": float(value) for name, value in facts.items()}
        return told | {"features": float(values.shape[1]), "side": float(self._side), "images": float(len(done))}

    def predict(self, data: ImageData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        rows, values = self._features(data, np.arange(len(data)), None)
        del rows
        found: NDArray[np.float64] = self._head.predict(self._table(data, values))
        return found

    def save(self, folder: Path) -> None:
        """The body's weights (one file for all members of a run, where links work), and the model on top."""
        assert self._architecture is not None
        linked = False
        if self._kept is not None:
            with contextlib.suppress(OSError):
                os.link(self._kept, folder / BODY)
                linked = True
        if not linked:
            save_tensors(folder / BODY, self._body.state_dict())
        save_tensors(
            folder / "scaling.safetensors",
            {"centre": torch.from_numpy(self._centre), "spread": torch.from_numpy(self._spread)},
        )
        (folder / ABOUT).write_text(json.dumps({"architecture": vars(self._architecture)}))
        (folder / HEAD).mkdir()
        self._head.save(folder / HEAD)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> PretrainedFeatures:
        """Read it back onto the CPU; PredictorError when it is damaged."""
        model = cls(config, task, seed)
        try:
            model._architecture = Architecture(**json.loads((folder / ABOUT).read_text())["architecture"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"{folder / ABOUT} is missing or damaged ({error}); fit again") from error
        with seeded(seed, "cpu"):
            body = moved(model._architecture.build(), "cpu")
        put_weights(body, load_tensors(folder / BODY), folder / BODY)
        model._body = body.eval()
        scaling = load_tensors(folder / "scaling.safetensors")
        model._centre, model._spread = scaling["centre"].numpy(), scaling["spread"].numpy()
        spec = model._spec()
        model._head = spec.load().load(folder / HEAD, head_config(config, spec.name), model._head_task(), seed)
        return model

    # -- parts --------------------------------------------------------------------------------------

    def _spec(self) -> ModelSpec:
        name, models = str(self._config["head"]), head_models(self._task)
        if name not in models:
            raise PredictorError(
                f"the model {name!r} on top of the features is not installed; there is {', '.join(models)}"
            )
        return models[name]

    def _head_task(self) -> Task:
        assert self._body is not None
        return head_task(self._task, self._body.feature_count)

    def _new_head(self) -> Any:
        spec = self._spec()
        return spec.load()(head_config(self._config, spec.name), self._head_task(), self._seed)

    def _features(
        self, data: ImageData, order: NDArray[np.int64], deadline: float | None, *, least: int = LEAST_ROWS
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Features ``(rows, features)`` of the images of which time allowed, the first `least` of `order` whatever it
        takes, and which ones these are, in their order.
        """
        import time

        cache = FeatureCache.beside(data, self._key(), self._body.feature_count)
        known, values = cache.read(data.rows) if cache is not None else (np.zeros(len(data), dtype=bool), None)
        if values is None:
            values = np.zeros((len(data), self._body.feature_count), dtype=np.float32)
        missing = order[~known[order]]
        at_once = np.count_nonzero(~known[order[:least]])
        # On a GPU each number of images takes a second for its first time, and as many as these hardly take one behind it.
        is_alike = deadline is None or self._device.startswith("cuda")
        start, size = 0, CHUNK_ROWS if is_alike else min(max(at_once, 1), CHUNK_ROWS)
        while start < len(missing):
            rows = missing[start : start + size]
            began = time.monotonic()
            values[rows] = self._compute(data.take(rows))
            known[rows] = True
            if cache is not None:
                cache.write(data.rows[rows], values[rows])
            start += len(rows)
            if deadline is not None and is_alike:
                now = time.monotonic()
                if now + (now - began) > deadline and start >= at_once:
                    break
            elif deadline is not None:
                now = time.monotonic()
                each = max(now - began, 1e-6) / len(rows)  # clocks may stand still for so long
                size = min(2 * size, CHUNK_ROWS, int(min(CHUNK_SECONDS, deadline - now) / each))
                if start < at_once:
                    size = min(CHUNK_ROWS, at_once - start)
                elif size < 1:
                    if now >= deadline or each > deadline - now:
                        break
                    size = 1
        done = np.flatnonzero(known)
        return done, values[done]

    def _compute(self, data: ImageData) -> NDArray[np.float32]:
        assert self._architecture is not None
        images = Images(data, self._side, 3)
        normalisation = self._architecture.normalisation

        def compute() -> NDArray[np.float32]:
            with torch.inference_mode():
                found = outputs_of(
                    self._body.features,
                    images,
                    normalisation,
                    device=self._device,
                    flips=self._flips,
                    precise=True,
                )
            return found.cpu().numpy()

        return shared_features((self._key(), fingerprint(images)), compute)

    def _body_key(self) -> str:
        """Tells bodies of other weights apart; members of a predictor mostly have the same."""
        if not self._body_hash:
            self._body_hash = hash_of(value.cpu().numpy() for value in self._body.state_dict().values())
        return self._body_hash

    def _key(self) -> str:
        """What features depend on beside the image."""
        import hashlib

        text = json.dumps([self._body_key(), self._side, self._flips, self._device.partition(":")[0]])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    def _table(self, data: ImageData, values: NDArray[np.float32]) -> Any:
        """Features in the form that the model on top takes."""
        names = tuple(f"feature {number}" for number in range(values.shape[1]))
        if self._spec().form == "matrix":
            scaled = (values - self._centre) / self._spread
            return MatrixData(names=names, values=scaled, target=data.target, weight=data.weight)
        codes = np.zeros((len(values), 0), dtype=np.int32)
        layout = TableLayout(numbers=names)
        return TableData(layout=layout, numbers=values, codes=codes, target=data.target, weight=data.weight)


def _varied_order(data: ImageData, task: Task, seed: int) -> tuple[NDArray[np.int64], int]:
    """Rows in random order, but one of each class first, and how many these are: so many rows as there is time for can be
    learned from.
    """
    order = np.random.default_rng(seed).permutation(len(data))
    if not task.is_classification or data.target is None:
        return order, 0
    _, firsts = np.unique(data.target[order], return_index=True)
    return np.concatenate([order[firsts], np.delete(order, firsts)]), len(firsts)


def _share_body(data: ImageData, key: str, body: torch.nn.Module) -> Path | None:
    """A file of the body's weights beside the run's pixels, to which members link; None where there is no folder."""
    folder = getattr(data.source, "folder", None)
    if not folder or not Path(folder).is_dir():
        return None
    path = Path(folder) / f"body-{key}.safetensors"
    if not path.is_file():
        own = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
        if shutil.disk_usage(folder).free < 4 * sum(value.numel() * 4 for value in body.state_dict().values()):
            return None
        save_tensors(own, body.state_dict())
        own.replace(path)
    return path
