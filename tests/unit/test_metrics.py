"""Loading and calling metrics; what each metric computes is compared in the tests of the plugin."""

import math
import pickle
import re
import textwrap
from pathlib import Path

import numpy as np
import pytest

from automl import metrics
from automl.errors import MetricError, SettingsError, UnknownNameError
from automl.metrics import default_metric_name, load_metric
from automl.registry import load_registry

REGISTRY = load_registry()
TRUTH = np.array([0, 1, 1, 0])
SHARES = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])

OWN = """
    import numpy as np

    def share_right(truth, prediction):
        "Share of rows that are right."
        return (truth == prediction).mean()
    share_right.needs = "labels"

    def mean_share(truth, prediction, weight):
        return float(np.average(prediction[np.arange(len(truth)), truth], weights=weight))

    def cost(truth, prediction, *, sample_weight=None):
        return float(np.average(np.abs(truth - prediction), weights=sample_weight))
    cost.needs, cost.greater_is_better = "values", False

    def with_option(truth, prediction, threshold=0.5):
        return float(((prediction[:, 1] > threshold) == truth).mean())

    def gives_nothing(truth, prediction): return None
    def gives_nan(truth, prediction): return float("nan")
    def gives_infinity(truth, prediction): return np.float64("inf")
    def gives_many(truth, prediction): return np.array([1.0, 2.0])
    def gives_text(truth, prediction): return "good"
    def gives_much(truth, prediction): return 10**400
    def gives_more(truth, prediction): return 10**5000
    def raises(truth, prediction): raise KeyError("what")
    def changes_truth(truth, prediction): truth += 1
    def changes_prediction(truth, prediction): prediction[0] = 0
    def changes_weight(truth, prediction, weight): weight.sort()

    number = 3
    def odd(truth, prediction): return 1.0
    odd.needs = "scores"
    def odd_types(truth, prediction): return 1.0
    odd_types.problem_types = ("ranking",)
    def odd_best(truth, prediction): return 1.0
    odd_best.best = None
"""


@pytest.fixture(scope="module", autouse=True)
def own_module(tmp_path_factory):
    """A module ``own_scores`` in the current folder, as a user would have it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "own_scores.py").write_text(textwrap.dedent(OWN))
    (folder / "broken_scores.py").write_text("1 / 0\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("sys.path", ["/nowhere"] + [path for path in __import__("sys").path if path])
        yield


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("roc_auc", "roc_auc"),
        ("AUC", "roc_auc"),
        ("neg_log_loss", "log_loss"),
        ("neg-root-mean-squared-error", "rmse"),
        (" RMSE ", "rmse"),
        ("matthews_corrcoef", "mcc"),
    ],
)
def test_names_and_aliases_lead_to_one_metric(asked, name):
    assert name == load_metric(asked, REGISTRY).name


def test_defaults_exist_for_every_problem_type():
    names = [default_metric_name(kind) for kind in ("binary", "multiclass", "regression")]

    assert ["roc_auc", "log_loss", "rmse"] == names
    assert all(load_metric(name, REGISTRY) for name in names)


def test_unknown_name_points_to_near_ones():
    with pytest.raises(UnknownNameError, match=r"roc_acu.*roc_auc.*module:function"):
        load_metric("roc_acu", REGISTRY)


def test_unknown_name_points_to_near_aliases():
    with pytest.raises(UnknownNameError, match="neg_mean_squared_error"):
        load_metric("neg_mean_sqared_eror", REGISTRY)


def test_loss_is_the_distance_from_a_perfect_score():
    up, down = load_metric("accuracy", REGISTRY), load_metric("log_loss", REGISTRY)

    assert 0.75 == up.score(TRUTH, SHARES)
    assert 0.25 == up.loss(TRUTH, SHARES)
    assert down.score(TRUTH, SHARES) == down.loss(TRUTH, SHARES)
    assert 0.75 == up.from_distance(up.distance(0.75))


def test_metric_crosses_to_another_process_by_name():
    metric = pickle.loads(pickle.dumps(load_metric("own_scores:share_right", REGISTRY)))

    assert 0.75 == metric.score(TRUTH, SHARES)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "log_loss", "own_scores:mean_share"])
def test_predictions_that_are_not_finite_are_refused(name, wrong):
    shares = SHARES.copy()
    shares[1, 0] = wrong

    with pytest.raises(MetricError, match="1 of 8 predicted numbers"):
        load_metric(name, REGISTRY).score(TRUTH, shares)


def test_score_without_rows_or_of_other_length_is_refused():
    metric = load_metric("accuracy", REGISTRY)

    with pytest.raises(MetricError, match="0 rows"):
        metric.score(TRUTH[:0], SHARES[:0])
    with pytest.raises(MetricError, match="3 rows and 4 predictions"):
        metric.score(TRUTH[:3], SHARES)


# -- the user's own -------------------------------------------------------------------------------


def test_own_metric_that_needs_labels():
    metric = load_metric("own_scores:share_right", REGISTRY)

    assert 0.75 == metric.score(TRUTH, SHARES, np.ones(4))
    assert ("binary", "multiclass") == metric.spec.problem_types
    assert "Share of rows that are right." == metric.spec.summary


def test_own_metric_gets_probabilities_and_weights():
    metric = load_metric("own_scores:mean_share", REGISTRY)
    weight = np.array([1.0, 0.0, 0.0, 1.0])

    assert metric.score(TRUTH, SHARES) == pytest.approx((0.9 + 0.8 + 0.4 + 0.7) / 4)
    assert metric.score(TRUTH, SHARES, weight) == pytest.approx(0.8)


def test_own_metric_with_a_weight_by_name():
    metric = load_metric("own_scores:cost", REGISTRY)

    assert ("regression",) == metric.spec.problem_types
    assert 2.0 == metric.loss(np.zeros(2), np.array([1.0, 2.0]), np.array([0.0, 1.0]))


def test_third_argument_with_a_default_is_no_weight():
    assert 0.75 == load_metric("own_scores:with_option", REGISTRY).score(TRUTH, SHARES, np.ones(4))


def test_functions_of_scikit_learn_can_be_named():
    values = np.array([1.0, 2.0, 4.0])
    metric = load_metric("sklearn.metrics:explained_variance_score", REGISTRY)

    assert metric.score(values, values + 1.0, np.ones(3)) == 1.0


@pytest.mark.parametrize(
    "name", ["gives_nothing", "gives_nan", "gives_infinity", "gives_many", "gives_text", "gives_much", "gives_more"]
)
def test_result_that_is_no_number_is_an_error(name):
    with pytest.raises(MetricError, match=f"own_scores:{name}.*(gave|raised)"):
        load_metric(f"own_scores:{name}", REGISTRY).score(TRUTH, SHARES)


@pytest.mark.parametrize("name", ["changes_truth", "changes_prediction", "changes_weight"])
def test_a_function_that_changes_what_it_is_given_is_told_to_copy(name):
    truth, shares, weight = TRUTH.copy(), SHARES.copy(), np.array([2.0, 1.0, 1.0, 1.0])

    with pytest.raises(MetricError, match=rf"{name}' raised ValueError: .*read-only \(.*truth\.copy"):
        load_metric(f"own_scores:{name}", REGISTRY).score(truth, shares, weight)

    assert (TRUTH == truth).all()
    assert (SHARES == shares).all()
    assert 2.0 == weight[0]
    assert truth.flags.writeable


def test_exception_keeps_its_words_and_says_what_the_function_got():
    with pytest.raises(MetricError, match=r"KeyError: 'what'.*probabilities \(4, 2\).*labels"):
        load_metric("own_scores:raises", REGISTRY).score(TRUTH, SHARES)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no_such_module:f", "cannot be imported"),
        ("own_scores:no_such_function", "cannot be imported"),
        ("broken_scores:f", "division by zero"),
        ("own_scores:number", "is a int"),
        ("own_scores:odd", "needs 'scores'"),
        ("own_scores:odd_types", "ranking"),
        ("own_scores:odd_best", "best=None"),
        ("__main__:f", "running script or notebook"),
        ("own_scores:<lambda>", "running script or notebook"),
        (":f", "cannot be imported"),
    ],
)
def test_function_that_cannot_be_used_is_refused_before_the_run(path, words):
    with pytest.raises(SettingsError, match=re.escape(words)):
        load_metric(path, REGISTRY)


def test_page_names_every_metric():
    page = (Path(metrics.__file__).parents[1] / "docs" / "metrics.md").read_text()
    missing = [
        name for spec in REGISTRY.metrics.values() if spec.plugin == "metrics" for name in (spec.name, *spec.aliases)
        if f"`{name}`" not in page
    ]  # fmt: skip

    assert [] == missing


def test_example_on_the_page_runs(tmp_path, monkeypatch):
    page = (Path(metrics.__file__).parents[1] / "docs" / "metrics.md").read_text()
    (code,) = re.findall(r"```python\n# costs.py\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "costs.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    metric = load_metric("costs:cost_of_mistakes", REGISTRY)

    assert not metric.spec.greater_is_better
    assert math.isclose(1.25, metric.score(TRUTH, SHARES, np.ones(4)))
    assert ("binary",) == metric.spec.problem_types
