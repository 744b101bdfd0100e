"""What networks on images reach in how many seconds: a search over phi, with and without, and pretrained weights.

    python benchmarks/images.py digits   [--seconds 120] [--seeds 3] [--data FOLDER] [--cores 2] [--out images.jsonl]
    python benchmarks/images.py phi      [--seconds 120] [--seeds 3] [--phi-max 2]
    python benchmarks/images.py transfer [--seconds 15,30,60] [--per-class 5,20,60] [--seeds 3]
    python benchmarks/images.py show     [--out images.jsonl]

`digits`: `automl fit train.npz --strategy hyperband --fidelity phi`, then `automl score` on held-out rows, both on the command
line; exit code 1 below 0.985. `phi`: three searches at equal seconds, of full-sized networks only, under Hyperband over
epochs, and under Hyperband over phi: seconds until the best validated score of the first was reached. `transfer`: 32 x 32
patches of ten photographs, of which a few a class are learned from: features of pretrained weights, fine-tuning, and
networks from scratch, at equal seconds.

FOLDER holds SEED/img_digits8 and SEED/img_photo_patches with train.npz and test.npz (arrays X and y). Without it the digits are
scikit-learn's and the patches are cut from photographs of scikit-image and scikit-learn. `--models` narrows `digits` and `phi`.

Each finished measurement is a line of the file; what is there already is not measured again. With `--cpu-time` the seconds
are those of one core and everything runs in one process: for a machine that is busy.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import automl
from automl.api import fit_run, make_settings

BAR = 0.985
SCRATCH = ("cnn", "resnet", "efficientnet")
"""Networks that have phi."""
SIDES = {
    "full": {"strategy": "random"},
    "epochs": {"strategy": "hyperband", "fidelity": "epochs"},
    "phi": {"strategy": "hyperband", "fidelity": "phi"},
}
WAYS = {"pretrained_features": ("pretrained_features",), "finetune": ("finetune",), "scratch": ("cnn", "resnet")}
PATCH = 32
MOST = 100
"""Patches of a class on each side of the split."""
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


def data_of(name, seed, folder):
    """Images and labels to learn from, then those that judge."""
    if folder is None:
        return {"img_digits8": digits, "img_photo_patches": patches}[name](seed)
    place = folder / str(seed) / name
    parts = [np.load(place / f"{part}.npz", allow_pickle=False) for part in ("train", "test")]
    return tuple(part[array] for part in parts for array in ("X", "y"))


def digits(seed):
    """Two thirds to learn from, one to judge."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images, target = (found.images * 15).astype(np.uint8), found.target
    order = np.random.default_rng(seed).permutation(len(images))
    train, test = np.split(order, [2 * len(order) // 3])
    return images[train], target[train], images[test], target[test]


def patches(seed):
    """Up to a hundred patches of each photograph to learn from, and as many others to judge."""
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
        train += [(patch, label) for patch in cut[: len(cut) // 2][:MOST]]
        test += [(patch, label) for patch in cut[len(cut) // 2 :][:MOST]]
    return tuple(np.array(column) for part in (train, test) for column in zip(*part, strict=True))


def few(data, per_class, seed):
    """The same with so many images of each class to learn from."""
    images, target, *rest = data
    order = np.random.default_rng(seed).permutation(len(target))
    kept = np.concatenate([order[target[order] == label][:per_class] for label in np.unique(target)])
    return (images[kept], target[kept], *rest)


def measure(data, seed, args, seconds, **options):
    """Held-out accuracy, what was done until then, and the curve of validated scores."""
    images, target, test_images, test_target = data
    curve = Curve()
    options = {"time": seconds, "seed": seed, "metric": "accuracy", "jobs": args.cores, **options}
    if args.cpu_time:
        options["executor"] = "inline"
    with tempfile.TemporaryDirectory() as folder:
        settings = make_settings("y", options)
        outcome = fit_run({"X": images, "y": target}, settings, out=Path(folder) / "run", listeners={"curve": curve})
        found = np.asarray(outcome.predictor.predict(test_images)).astype(str)
        members = sorted({row["model"] for row in outcome.leaderboard if row["weight"]})
    accuracy = float(np.mean(found == np.asarray(test_target).astype(str)))
    return {"accuracy": accuracy, "trials": len(curve.points), "curve": curve.points, "members": members}


def answer_of(command, work):
    """What a command answers in JSON; a run that ended with its baseline alone counts, too."""
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def on_the_command_line(data, seed, args, seconds):
    """Hyperband over phi as a user asks for it."""
    program = [sys.executable, "-m", "automl.cli.main"]
    with tempfile.TemporaryDirectory() as work:
        for part, images, target in (("train", *data[:2]), ("test", *data[2:])):
            np.savez(Path(work) / f"{part}.npz", X=images, y=target)
        fit = [*program, "fit", "train.npz", "--time", f"{seconds:g}s", "--seed", str(seed), "--jobs", str(args.cores)]
        fit += ["--metric", "accuracy", "--task", "classification", "--out", "run", "--json"]
        fit += ["--strategy", "hyperband", "--fidelity", "phi", "--phi-max", f"{args.phi_max:g}"]
        fit += ["--models", args.models] if args.models else []
        started = time.monotonic()
        told = answer_of(fit, work)
        wall = time.monotonic() - started
        scored = answer_of([*program, "score", "run", "test.npz", "--json"], work)
    members = sorted({row["model"] for row in told["leaderboard"] if row["weight"]})
    return {"accuracy": scored["score"], "trials": told["trials"], "wall_seconds": round(wall, 1), "members": members}


def jobs(args):
    """What is to be measured: a name and a call for each."""
    models = args.models.split(",") if args.models else None
    for seed in range(args.seeds):
        for seconds in (float(part) for part in args.seconds.split(",")):
            about = f"{seconds:g}s{' cpu' if args.cpu_time else ''}"
            if args.what == "transfer":
                for per_class in (int(part) for part in args.per_class.split(",")):
                    for way, used in WAYS.items():
                        yield (
                            f"transfer {about} {per_class} a class {way} seed {seed}",
                            lambda s=seed, e=seconds, n=per_class, m=used: measure(
                                few(data_of("img_photo_patches", s, args.data), n, s), s, args, e, models=m
                            ),
                        )
                continue
            name = f"{args.what} {about} phi<={args.phi_max:g}{' ' + args.models if args.models else ''}"
            for side, options in SIDES.items() if args.what == "phi" else ():
                most = {"fidelity": "phi", "fidelity_max": args.phi_max} if side == "full" else {}
                most = {"fidelity_max": args.phi_max} if side == "phi" else most
                yield (
                    f"{name} {side} seed {seed}",
                    lambda s=seed, e=seconds, o={"models": models or SCRATCH, **options, **most}: measure(
                        data_of("img_digits8", s, args.data), s, args, e, **o
                    ),
                )
            if args.what == "digits":
                yield f"{name} seed {seed}", lambda s=seed, e=seconds: measure_digits(s, args, e)


def measure_digits(seed, args, seconds):
    data = data_of("img_digits8", seed, args.data)
    if not args.cpu_time:
        return on_the_command_line(data, seed, args, seconds)
    options = {"strategy": "hyperband", "fidelity": "phi", "fidelity_max": args.phi_max}
    if args.models:
        options["models"] = args.models.split(",")
    return measure(data, seed, args, seconds, **options)


def show(done):
    """Each kind of measurement by the mean over seeds; of `phi`, when the best score of full-sized networks was reached."""
    groups = {}
    for name, line in done.items():
        groups.setdefault(name.rpartition(" seed ")[0], {})[name.rpartition(" ")[2]] = line
    print(f"{'':58} seeds  accuracy   least  trials")
    for name, lines in groups.items():
        found = [line["accuracy"] for line in lines.values()]
        trials = statistics.mean(line["trials"] for line in lines.values())
        print(f"{name:58} {len(found):5}    {statistics.mean(found):.4f}  {min(found):.4f}  {trials:6.1f}")
    for name, lines in groups.items():
        if not (name.startswith("phi ") and name.endswith(" full")):
            continue
        for seed, line in lines.items():
            best = max((score for _, score in line["curve"]), default=float("nan"))
            told = []
            for side in SIDES:
                other = groups.get(f"{name.removesuffix(' full')} {side}", {}).get(seed, {"curve": []})
                reached = next((at for at, score in other["curve"] if score >= best), None)
                told.append(f"{side} {'never' if reached is None else f'{reached:.0f} s'}")
            print(f"{name.removesuffix(' full')} seed {seed}: validated {best:.4f} reached by {', '.join(told)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("digits", "phi", "transfer", "show"))
    parser.add_argument("--seconds", help="default 120; of transfer 15,30,60")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--phi-max", type=float, help="default 0; of phi 2")
    parser.add_argument("--per-class", default="5,20,60", help="images of a class that transfer learns from")
    parser.add_argument("--models", default="", help="of digits: default all; of phi: those that have phi")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--data", type=Path, help="folder of SEED/img_digits8 and SEED/img_photo_patches")
    parser.add_argument("--cpu-time", action="store_true", help="count seconds of one core, for a machine that is busy")
    parser.add_argument("--out", type=Path, default=Path("images.jsonl"))
    args = parser.parse_args()
    args.seconds = args.seconds or ("15,30,60" if args.what == "transfer" else "120")
    args.phi_max = (2.0 if args.what == "phi" else 0.0) if args.phi_max is None else args.phi_max
    if args.cpu_time:
        time.monotonic = time.process_time  # all in this process: the clock of the run is its own CPU time
        args.cores = 1
    lines = args.out.read_text().splitlines() if args.out.is_file() else []
    done = {line["name"]: line for line in map(json.loads, lines)}
    wanted = [(name, call) for name, call in jobs(args) if name not in done] if args.what != "show" else []
    if wanted and args.cpu_time:  # what the first run in this process imports is not its own
        measure(few(digits(0), 6, 0), 0, args, 20.0, models=("cnn",), trials=1)
    for name, call in wanted:
        done[name] = {"name": name, "automl": automl.__version__, "cores": args.cores, **call()}
        done[name]["load"] = round(os.getloadavg()[0], 1)
        with args.out.open("a") as file:
            file.write(json.dumps(done[name]) + "\n")
        print(f"{name}: {done[name]['accuracy']:.4f} in {done[name]['trials']} full trials", flush=True)
    show(done)
    judged = [line["accuracy"] for name, line in done.items() if name.startswith("digits 120s")]
    return int(args.what == "digits" and any(accuracy < BAR for accuracy in judged))


if __name__ == "__main__":
    sys.exit(main())
