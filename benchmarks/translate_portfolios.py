"""Make the portfolio files of `baselines/` from published values: the same values give the same files.

    python benchmarks/translate_portfolios.py VALUES.json FOLDER [--left-out]

VALUES.json holds configurations as their authors published them, in the names of their own libraries, with sources and
licences. Each is put into the names, types and ranges of our models' spaces; one that cannot be said there is left out
with the reason, and whatever else had to change is written beside it. Shipped files are never edited: a new translation
gets a new date, and supersedes the old file.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from automl.history import Candidate, config_id
from automl.meta_features import MetaFeatures
from automl.portfolio_file import portfolio_text
from automl.portfolio_order import Priced, alternate
from automl.portfolio_record import Portfolio, StoredCandidate, StoredTask
from automl.registry import load_registry
from automl.space import model_space
from automl.stored_config import fit_config
from automl.task import Task

DATE = "2026-11-24"
MODELS = {
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "xgboost": "xgboost",
    "random_forest": "random_forest",
    "extra_trees": "extra_trees",
    "hist_gradient_boosting": "hist_gradient_boosting",
}
AUTOGLUON = ((2, ("ag-2023",)), (1, ("ag-cpu-2025-12", "ag-2025-small-gpu", "ag-commercial-2026-08")))
LANES = {
    "binary": (*AUTOGLUON, (1, ("pytabkit-defaults", "askl2-roc_auc-full-5CV"))),
    "multiclass": (*AUTOGLUON, (1, ("pytabkit-defaults", "askl2-log_loss-full-5CV"))),
    "regression": (*AUTOGLUON, (1, ("pytabkit-defaults",))),
}
"""Turns in a row, and sources one after another, by problem type."""
MOST_OF_ASKL2 = 8
"""Places of auto-sklearn's greedy order: what it adds later is small."""
TASK_CANDIDATES = 6
"""Candidates that a stored task asks for."""
MANY_LEAVES = 10_000
"""Forests here have up to 15,000 leaves a tree: a published limit above this is the same limit."""
BY_TASK = frozenset({"categories"})
"""Hyperparameters that are left to their defaults unless published: these depend on the task, or came later."""
SHARES = {"random_forest": (0.3, 0.5, 0.75, 1.0), "extra_trees": (0.5, 0.75, 1.0)}
NEAR_SHARE = 0.06


class UnsayableError(Exception):
    """A configuration that our space cannot say; the message is why."""


class Values:
    """One published configuration: each value is taken once, and what nobody took must be known to be harmless."""

    def __init__(self, record: dict[str, Any], spellings: dict[str, str]) -> None:
        self.left = {spellings.get(name, name): value for name, value in record["hyperparameters"].items()}
        self.changed: list[str] = []

    def take(self, name: str, default: Any) -> Any:
        return self.left.pop(name, default)

    def positive(self, name: str, default: float, least: float) -> float:
        """A strength that our space searches on a log scale, where 0 is its lower end."""
        value = self.take(name, default)
        if value >= least:
            return value
        if value:
            self.changed.append(f"{name} {value:g} -> {least:g}, the least here")
        return least

    def drop(self, names: dict[str, str]) -> None:
        """Values that have no place here: name -> what holds instead."""
        for name, instead in names.items():
            if name in self.left:
                self.changed.append(f"{name}={self.left.pop(name)}: {instead}")

    def ignore(self, *names: str) -> None:
        for name in names:
            self.left.pop(name, None)

    def done(self) -> None:
        if self.left:
            raise UnsayableError(f"{', '.join(sorted(self.left))} has no place in our space")


ROUNDS = "early stopping on the fold's validation rows chooses the rounds, up to 2,000"
BOOSTING = {"n_estimators": ROUNDS, "num_boost_round": ROUNDS, "iterations": ROUNDS}


def lightgbm(values: Values, problem_type: str) -> dict[str, Any]:
    config = {
        "learning_rate": values.take("learning_rate", 0.05),
        "num_leaves": values.take("num_leaves", 31),
        "min_data_in_leaf": values.take("min_data_in_leaf", 20),
        "feature_fraction": values.take("feature_fraction", 1.0),
        "bagging_fraction": values.take("bagging_fraction", 1.0),
        "extra_trees": values.take("extra_trees", False),
        "lambda_l1": values.positive("lambda_l1", 0.0, 1e-4),
        "lambda_l2": values.positive("lambda_l2", 0.0, 1e-4),
        "cat_l2": values.take("cat_l2", 10.0),
        "cat_smooth": values.take("cat_smooth", 10.0),
        "categories": "native",
        "max_cat_to_onehot": values.take("max_cat_to_onehot", 4),
        "min_data_per_group": values.take("min_data_per_group", 100),
    }
    if problem_type != "regression":
        config["class_weight"] = "none"
    values.ignore("bagging_freq", "early_stopping_rounds", "min_sum_hessian_in_leaf")
    values.drop({**BOOSTING, "max_bin": "255 bins here"})
    return config


def xgboost(values: Values, problem_type: str) -> dict[str, Any]:
    del problem_type
    policy = values.take("grow_policy", "depthwise")
    config = {
        "learning_rate": values.take("learning_rate", 0.1),
        "max_depth": values.take("max_depth", 6),
        "min_child_weight": values.positive("min_child_weight", 1.0, 1e-3),
        "subsample": values.take("subsample", 1.0),
        "colsample_bylevel": values.take("colsample_bylevel", 1.0),
        "colsample_bynode": values.take("colsample_bynode", 1.0),
        "colsample_bytree": values.take("colsample_bytree", 1.0),
        "reg_alpha": values.positive("reg_alpha", 0.0, 1e-4),
        "reg_lambda": values.positive("reg_lambda", 1.0, 1e-4),
        "grow_policy": policy,
    }
    leaves = values.take("max_leaves", 256)
    if policy == "lossguide":
        config["max_leaves"] = leaves
    values.ignore(
        "tree_method", "booster", "early_stopping_rounds", "enable_categorical", "max_cat_to_onehot", "max_bin"
    )
    values.drop(BOOSTING)
    return config


def catboost(values: Values, problem_type: str) -> dict[str, Any]:
    del problem_type
    if "subsample" not in values.left:
        values.changed.append(
            "rows are drawn by Bernoulli, 0.8 of them: the library's own way of drawing has no place here"
        )
    config = {
        "learning_rate": values.take("learning_rate", 0.05),
        "depth": values.take("depth", 6),
        "l2_leaf_reg": values.positive("l2_leaf_reg", 3.0, 1e-3),
        "subsample": values.take("subsample", 0.8),
        "leaf_estimation_iterations": values.take("leaf_estimation_iterations", 1),
        "one_hot_max_size": values.take("one_hot_max_size", 2),
        "grow_policy": values.take("grow_policy", "SymmetricTree"),
        "max_ctr_complexity": values.take("max_ctr_complexity", 4),
        "model_size_reg": values.take("model_size_reg", 0.5),
    }
    values.ignore("boosting_type", "bootstrap_type", "max_bin", "early_stopping_rounds")
    values.drop(
        {**BOOSTING, "colsample_bylevel": "chosen by the number of columns", "random_strength": "1, the default"}
    )
    return config


def forest(values: Values, problem_type: str, model: str) -> dict[str, Any]:
    bootstrap = values.take("bootstrap", model == "random_forest")
    if bootstrap != (model == "random_forest"):
        raise UnsayableError(f"bootstrap={bootstrap}")
    leaves = values.take("max_leaf_nodes", None)
    if leaves is not None and leaves < MANY_LEAVES:
        raise UnsayableError(f"max_leaf_nodes={leaves}")
    config: dict[str, Any] = {"max_features": _share(values, problem_type, model)}
    if model == "random_forest":
        config["max_samples"] = 1.0
        if values.take("min_samples_split", 2) != 2:
            raise UnsayableError("min_samples_split")
    else:
        config["min_samples_split"] = values.take("min_samples_split", 2)
    config["min_samples_leaf"] = values.take("min_samples_leaf", 1)
    config["min_impurity_decrease"] = values.positive("min_impurity_decrease", 0.0, 1e-7)
    criterion = values.take("criterion", "gini")
    if problem_type != "regression":
        config["criterion"] = criterion
    values.ignore("max_depth", "min_weight_fraction_leaf")
    values.drop({"n_estimators": "200 trees here"})
    return config


def _share(values: Values, problem_type: str, model: str) -> Any:
    """Features that a cut looks at. auto-sklearn stores the exponent of a power of their number."""
    exponent = values.take("max_features_exponent", None)
    if exponent is not None:
        if abs(exponent - 0.5) < 0.02:
            return "sqrt"
        if exponent < 0.97:
            raise UnsayableError(f"max_features is the power {exponent:.2f} of the number of columns")
        values.changed.append(f"max_features: power {exponent:.3f} of the number of columns -> all")
        return 1.0
    share = values.take("max_features", "sqrt" if problem_type != "regression" else 1.0)
    if isinstance(share, str):
        return share
    nearest = min(SHARES[model], key=lambda known: abs(known - share))
    if abs(nearest - share) > NEAR_SHARE:
        raise UnsayableError(f"max_features={share:g}")
    if nearest != share:
        values.changed.append(f"max_features {share:g} -> {nearest:g}")
    return nearest


def hist_gradient_boosting(values: Values, problem_type: str, weighting: str) -> dict[str, Any]:
    config = {
        "learning_rate": values.take("learning_rate", 0.1),
        "max_leaf_nodes": values.take("max_leaf_nodes", 31),
        "min_samples_leaf": values.take("min_samples_leaf", 20),
        "l2_regularization": values.positive("l2_regularization", 0.0, 1e-10),
        "max_features": 1.0,
    }
    if problem_type != "regression":
        config["class_weight"] = "balanced" if weighting == "weighting" else "none"
    values.ignore("loss", "max_bins", "scoring", "tol", "n_iter_no_change", "validation_fraction")
    if values.take("max_depth", None) is not None:
        raise UnsayableError("max_depth")
    values.drop({"early_stop": "early stopping on the fold's validation rows"})
    return config


SPELLINGS = {
    "lightgbm": {
        "lr": "learning_rate", "min_child_samples": "min_data_in_leaf", "colsample_bytree": "feature_fraction",
        "subsample": "bagging_fraction", "reg_alpha": "lambda_l1", "reg_lambda": "lambda_l2",
    },
    "xgboost": {"lr": "learning_rate"},
    "catboost": {"lr": "learning_rate", "max_depth": "depth"},
}  # fmt: skip


def translate(record: dict[str, Any], problem_type: str) -> tuple[dict[str, Any], list[str]]:
    """Our configuration, and what had to change; UnsayableError when there is none."""
    model = MODELS.get(record["family"])
    if model is None:
        raise UnsayableError(f"no model here is a {record['family']}")
    if record.get("feature_engineering"):
        raise UnsayableError("needs engineered features that no model here makes")
    if record.get("conditions"):
        raise UnsayableError(f"only under conditions: {record['conditions']}")
    if not set(record["hyperparameters"]) - {"criterion"}:
        raise UnsayableError("a library's default, for which our model's own default stands")
    values = Values(record, SPELLINGS.get(model, {}))
    if model in ("random_forest", "extra_trees"):
        config = forest(values, problem_type, model)
    elif model == "hist_gradient_boosting":
        config = hist_gradient_boosting(
            values, problem_type, record.get("preprocessing", {}).get("balancing.strategy", "")
        )
    else:
        config = {"lightgbm": lightgbm, "xgboost": xgboost, "catboost": catboost}[model](values, problem_type)
    values.done()
    return config, values.changed


def cost(model: str, config: dict[str, Any], default: dict[str, Any]) -> float:
    """Seconds relative to the default configuration, estimated from rounds and the size of a tree.

    Rounds times size exaggerate, because early stopping and fixed costs level what configurations cost: measured on
    33 candidates and one table of 6,000 rows, the ratios were about the square root of this (rank correlation 0.5).
    """
    return round(work(model, config, default) ** 0.5, 2)


def work(model: str, config: dict[str, Any], default: dict[str, Any]) -> float:
    """Rounds (or trees) times the size of one, relative to the default configuration."""
    if model in ("random_forest", "extra_trees"):
        looks = {"sqrt": 0.2}
        share = looks.get(config["max_features"], config["max_features"]) / looks.get(
            default["max_features"], default["max_features"]
        )
        return share**0.8 * config["min_samples_leaf"] ** -0.15
    # A slower rate needs as many more rounds, until there are no more.
    most = {"hist_gradient_boosting": 2.0}.get(model, 6.0)
    rounds = min(default["learning_rate"] / config["learning_rate"], most)
    if model == "catboost":
        size = 2.0 ** (0.5 * (config["depth"] - default["depth"])) * (
            1.5 if config["grow_policy"] == "Depthwise" else 1.0
        )
    elif model == "xgboost":
        size = (
            2.0 ** (0.4 * (config["max_depth"] - default["max_depth"])) if config["grow_policy"] == "depthwise" else 1.0
        )
        size *= config["colsample_bytree"]
    else:
        leaves = "num_leaves" if model == "lightgbm" else "max_leaf_nodes"
        size = (config[leaves] / default[leaves]) ** 0.5
    return rounds * size


def example_task(problem_type: str) -> Task:
    classes = {"binary": (0, 1), "multiclass": (0, 1, 2), "regression": ()}[problem_type]
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[problem_type]
    return Task(
        target="y", problem_type=problem_type, metric=metric, rows=10_000, features=30, classes=classes, categories=1
    )  # type: ignore[arg-type]


class Translation:
    """The portfolio of one problem type, and what was left out."""

    def __init__(self, values: dict[str, Any], problem_type: str) -> None:
        registry, task = load_registry(), example_task(problem_type)
        self.problem_type = problem_type
        self.spaces = {model: model_space(registry.models[model], task) for model in sorted(set(MODELS.values()))}
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.values = values
        self.ids: dict[str, str] = {}
        self.found: list[StoredCandidate] = []

    def add(self, record: dict[str, Any]) -> StoredCandidate | None:
        """The candidate for a record, unless it cannot be said or is there already."""
        try:
            config, changed = translate(record, self.problem_type)
            model = MODELS[record["family"]]
            try:
                whole = fit_config(self.spaces[model], config)
                config = {name: value for name, value in whole.items() if name in config or name not in BY_TASK}
            except ValueError as error:
                raise UnsayableError(str(error)) from error
        except UnsayableError as error:
            self.left_out[(record["source"], str(error))] += 1
            return None
        key = config_id(model, config)
        if key in self.ids.values():
            self.left_out[(record["source"], "the same as another one")] += 1
            return None
        self.ids[record["id"]] = key
        mined = record.get("mined_on") or ()
        return StoredCandidate(
            number=0,
            model=model,
            config=config,
            cost=cost(model, config, dict(self.spaces[model].get_default_configuration())),
            source=record["source"],
            name=record["id"],
            rank=record.get("rank"),
            mined_on=(mined,) if isinstance(mined, str) else tuple(mined),
            changed=tuple(changed),
        )

    def lane(self, sources: tuple[str, ...]) -> list[StoredCandidate]:
        records = [
            record
            for source in sources
            for record in sorted(self.of(source), key=lambda record: record.get("rank") or 0)
            if not (source.startswith("askl2") and record["rank"] > 2 * MOST_OF_ASKL2)
        ]
        return [found for record in records if (found := self.add(record)) is not None]

    def of(self, source: str) -> list[dict[str, Any]]:
        return [
            record
            for record in self.values["configs"]
            if record["source"] == source and self.problem_type in (record.get("tasks") or [self.problem_type])
        ]

    def portfolio(self) -> Portfolio:
        lanes = [(turns, self.lane(sources)) for turns, sources in LANES[self.problem_type]]
        ordered: list[StoredCandidate] = []
        while any(lane for _, lane in lanes):
            for turns, lane in lanes:
                ordered += lane[:turns]
                del lane[:turns]
        ordered = _alternate(ordered)
        selector = next(one for one in self.values["selectors"] if one["id"] == f"flaml-all-{self.problem_type}")
        records = {record["id"]: record for record in self.values["configs"]}
        for name in dict.fromkeys(selector["portfolio"]):
            found = self.add(records[name])
            if found is not None:
                ordered.append(found)
        numbered = [StoredCandidate(**{**vars(one), "number": number}) for number, one in enumerate(ordered, 1)]
        by_id = {one.name: one.number for one in numbered}
        return Portfolio(
            name=f"table-{self.problem_type}-{DATE}",
            day=DATE,
            summary=f"Published top performers for {self.problem_type} tables, in our models' own hyperparameters.",
            problem_types=(self.problem_type,),
            order=(
                "AutoGluon's 2023 portfolio, its later CPU portfolio, and tuned defaults with auto-sklearn's portfolio take "
                "turns (two, one, one), each in its published order; no family twice in a row. FLAML's come last: they are "
                "for tasks like those they were mined on, which stand under tasks."
            ),
            sources={name: self.source(name) for name in dict.fromkeys(one.source for one in numbered)},
            candidates=tuple(numbered),
            tasks=tuple(_tasks(selector, by_id)),
        )

    def source(self, name: str) -> dict[str, Any]:
        about = self.values["sources"][name]
        where = f"https://github.com/{about['repo']}/blob/{about['commit']}/{about['path']}"
        return {"where": where, "licence": about["licence"], "how_chosen": about["how_chosen"]}


def _alternate(candidates: list[StoredCandidate]) -> list[StoredCandidate]:
    items = [
        Priced(candidate=Candidate(model=one.model, config={"place": n}), seconds=1.0)
        for n, one in enumerate(candidates)
    ]
    return [candidates[item.candidate.config["place"]] for item in alternate(items)]  # type: ignore[index]


def _tasks(selector: dict[str, Any], numbers: dict[str, int]) -> list[StoredTask]:
    """The selector's tasks in plain figures; it stores them centred and scaled."""
    tasks = []
    for neighbour in selector["neighbors"]:
        rows, columns, classes, numeric = (
            center + scale * value
            for center, scale, value in zip(selector["center"], selector["scale"], neighbour["features"], strict=True)
        )
        names = [selector["portfolio"][place] for place in neighbour["choice"]]
        order = [numbers[name] for name in names if name in numbers][:TASK_CANDIDATES]
        features = MetaFeatures(
            rows=round(rows),
            features=round(columns),
            classes=round(classes),
            numeric_share=round(min(max(numeric, 0.0), 1.0), 3),
        )
        if order:
            tasks.append(StoredTask(features=features, order=tuple(order)))
    return tasks


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the portfolio files of baselines/ from published values.")
    parser.add_argument("values", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--left-out", action="store_true", help="tell what was left out, and why")
    arguments = parser.parse_args()
    values = json.loads(arguments.values.read_text())
    for problem_type in LANES:
        translation = Translation(values, problem_type)
        portfolio = translation.portfolio()
        (arguments.folder / f"{portfolio.name}.json").write_text(portfolio_text(portfolio))
        families = Counter(candidate.model for candidate in portfolio.candidates)
        print(
            f"{portfolio.name}: {len(portfolio.candidates)} candidates, {len(portfolio.tasks)} tasks, {dict(families)}"
        )
        if arguments.left_out:
            for (source, reason), count in sorted(translation.left_out.items()):
                print(f"  {count:3} of {source}: {reason}")


if __name__ == "__main__":
    main()
