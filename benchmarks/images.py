"""What networks on images reach in how many seconds: a search over phi, with and without, and pretrained weights.

    python benchmarks/images.py digits   [--seconds 120] [--seeds 3] [--out images.jsonl]
    python benchmarks/images.py phi      [--seconds 120] [--seeds 3] [--phi-max 2]
    python benchmarks/images.py transfer [--seconds 15,30,60] [--seeds 3]
    python benchmarks/images.py show

With `--cpu-time` the seconds are those of one core and everything runs in one process: for a machine that is busy.

`digits`: held-out accuracy on scikit-learn's 8 x 8 digits after a Hyperband search over phi; exit code 1 below 0.985.
`phi`: the same search at full size only, and under Hyperband over phi: seconds until the best validated score of the
former was reached. `transfer`: 32 x 32 patches of ten photographs of scikit-image and scikit-learn, of which 20 a class are
learned from: features of pretrained weights, fine-tuning, and networks from scratch, at equal seconds.

Each finished measurement is a line of the file; what is there already is not measured again. Needs the extras images and
pretrained, and for `transfer` scikit-image's photographs.
"""

import argparse
import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import automl
from automl.api import fit_run, make_settings

BAR = 0.985
OPTIONS = {}
"""For every run."""
SCRATCH = ("cnn", "resnet")
PATCH = 32
FEW = 20
"""Patches of a class to learn from: with all of them everything is right, as colours tell the photographs apart."""
PHOTOGRAPHS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
    "tissue": ("skimage", "data/ihc.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}


class Curve:
    """A tracker that notes when which score was reached."""

    def __init__(self):
        self.started = time.monotonic()
        self.points = []

    def run_started(self, info):
        pass

    def trial_started(self, trial):
        pass

    def trial_finished(self, trial, best_score):
        if trial.is_full and trial.score is not None and trial.candidate.origin != "baseline":
            self.points.append((time.monotonic() - self.started, trial.score))

    def run_finished(self, summary):
        pass


def digits(seed):
    """Three quarters to learn from, one to judge."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images, target = (found.images * 15).astype(np.uint8), found.target
    order = np.random.default_rng(seed).permutation(len(images))
    train, test = np.split(order, [3 * len(order) // 4])
    return images[train], target[train], images[test], target[test]


def patches(seed):
    """A few patches of each photograph to learn from, up to a hundred others to judge."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    train, test = [], []
    for label, (package, file) in PHOTOGRAPHS.items():
        spec = importlib.util.find_spec(package)
        if spec is None:
            raise SystemExit(f"the photographs of {package} are not there: pip install scikit-image")
        with Image.open(Path(spec.origin).parent / file) as image:
            pixels = np.asarray(image.convert("RGB"))
        down, right = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
        cut = pixels[: down * PATCH, : right * PATCH].reshape(down, PATCH, right, PATCH, 3).swapaxes(1, 2)
        cut = cut.reshape(-1, PATCH, PATCH, 3)
        cut = rng.permutation(cut[cut.reshape(len(cut), -1).std(axis=1) >= 4.0])
        train += [(patch, label) for patch in cut[:FEW]]
        test += [(patch, label) for patch in cut[FEW : FEW + 100]]
    return tuple(np.array(column) for part in (train, test) for column in zip(*part, strict=True))


def measure(data, seconds, seed, **options):
    """Held-out accuracy, what was done until then, and the curve of validated scores."""
    images, target, test_images, test_target = data
    curve = Curve()
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings("y", {"time": seconds, "seed": seed, "metric": "accuracy", **options, **OPTIONS})
        outcome = fit_run({"X": images, "y": target}, settings, out=Path(folder) / "run", listeners={"curve": curve})
        found = np.asarray(outcome.predictor.predict(test_images))
        trials = len(curve.points)
    return {"accuracy": float(np.mean(found == test_target)), "trials": trials, "curve": curve.points}


def run_digits(seconds, seed, phi_max):
    """Hyperband over phi."""
    options = {"strategy": "hyperband", "fidelity": "phi", "fidelity_max": phi_max, "models": SCRATCH}
    return measure(digits(seed), seconds, seed, **options)


def run_phi(seconds, seed, phi_max):
    """Full size only, then with small networks first, until the best score of the former."""
    data, common = digits(seed), {"fidelity": "phi", "fidelity_max": phi_max, "models": SCRATCH}
    full = measure(data, seconds, seed, strategy="random", **common)
    small = measure(data, seconds, seed, strategy="hyperband", **common)
    best = max((score for _, score in full["curve"]), default=float("nan"))
    reached = {
        name: next((at for at, score in found["curve"] if score >= best), None)
        for name, found in (("full", full), ("phi", small))
    }
    return {"full": full, "phi": small, "best_of_full": best, "seconds_to_it": reached}


def run_transfer(seconds, seed, model):
    """One way to learn from few patches."""
    models = SCRATCH if model == "scratch" else (model,)
    return measure(patches(seed), seconds, seed, models=models)


def jobs(args):
    """What is to be measured: a name and a call for each."""
    seconds = [float(part) for part in args.seconds.split(",")]
    for seed in range(args.seeds):
        for each in seconds:
            if args.what == "digits":
                yield (
                    f"digits {each:g}s phi<={args.phi_max:g} seed {seed}",
                    lambda e=each, s=seed: run_digits(e, s, args.phi_max),
                )
            elif args.what == "phi":
                yield (
                    f"phi {each:g}s phi<={args.phi_max:g} seed {seed}",
                    lambda e=each, s=seed: run_phi(e, s, args.phi_max),
                )
            else:
                for model in ("pretrained_features", "finetune", "scratch"):
                    name = f"transfer {each:g}s {model} seed {seed}"
                    yield name, lambda e=each, s=seed, m=model: run_transfer(e, s, m)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("digits", "phi", "transfer", "show"))
    parser.add_argument("--seconds", help="default 120; of transfer 15,30,60")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--phi-max", type=float, default=0.0)
    parser.add_argument("--cpu-time", action="store_true", help="count seconds of one core, for a machine that is busy")
    parser.add_argument("--out", type=Path, default=Path("images.jsonl"))
    args = parser.parse_args()
    args.seconds = args.seconds or ("15,30,60" if args.what == "transfer" else "120")
    if args.cpu_time:
        time.monotonic = time.process_time  # all in this process: the clock of the run is its own CPU time
        OPTIONS["executor"] = "inline"
    lines = args.out.read_text().splitlines() if args.out.is_file() else []
    done = {line["name"]: line for line in map(json.loads, lines)}
    if args.what != "show":
        for name, call in jobs(args):
            if name not in done:
                done[name] = {"name": name, "automl": automl.__version__, **call()}
                with args.out.open("a") as file:
                    file.write(json.dumps(done[name]) + "\n")
    for name, line in done.items():
        told = f"accuracy {line['accuracy']:.4f} in {line['trials']} full trials" if "accuracy" in line else (
            f"best of full size {line['best_of_full']:.4f}, seconds to it {line['seconds_to_it']}; "
            f"held out {line['full']['accuracy']:.4f} and with phi {line['phi']['accuracy']:.4f}"
        )  # fmt: skip
        print(f"{name}: {told}")
    wanted = [line["accuracy"] for name, line in done.items() if name.startswith("digits 120s")]
    return int(args.what == "digits" and any(accuracy < BAR for accuracy in wanted))


if __name__ == "__main__":
    sys.exit(main())
