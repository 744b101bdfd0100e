"""Images in Python: a search over the size of networks, and predictions of a folder of files.

    python examples/images.py

Needs the extras images and torch: pip install "automl-pluggy[images,torch]"
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import automl

SECONDS = os.environ.get("AUTOML_EXAMPLE_TIME", "60s")


def main(folder: Path) -> None:
    digits = load_digits()
    images, labels = (digits.images * 15).astype(np.uint8), digits.target  # (rows, 8, 8) bytes, grey
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:1300], order[1300:]

    # Hyperband compares small networks and trains the best ones larger: a step of phi costs twice as much.
    predictor = automl.fit(
        {"X": images[train], "y": labels[train]},
        time=SECONDS,
        metric="accuracy",
        models=["cnn", "resnet"],
        strategy="hyperband",
        fidelity="phi",
        fidelity_max=1,
        device="cpu",
        out=folder / "run",
    )
    print(f"right on new digits: {predictor.score({'X': images[test], 'y': labels[test]}):.3f}")

    # Files, arrays and tables of paths are predicted alike; automl.fit(folder) learns from a folder for each class.
    photos = folder / "photos"
    photos.mkdir()
    for number, row in enumerate(test[labels[test] == 3][:5]):
        Image.fromarray(images[row]).save(photos / f"{number}.png")
    print("folder of one digit:", *predictor.predict(photos))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        main(Path(work))
