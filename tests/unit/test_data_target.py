"""Targets: classes or quantity, labels there and back, what is refused and what is told."""

import decimal
import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from automl.data.target import TargetCoding, fit_target
from automl.errors import DataError, SettingsError
from automl.metrics import load_metric
from automl.registry import load_registry

REGISTRY = load_registry()


def column(values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


def fit(values, *, task=None, metric=None, kind=None):
    spec = None if metric is None else load_metric(metric, REGISTRY).spec
    return fit_target(column(values, kind), name="y", task=task, metric=spec)


def codes_of(coding, values):
    return coding.encode(column(values))[0].tolist()


# -- classes or a quantity ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b"] * 5, "binary"),
        (["a", "b", "c"] * 5, "multiclass"),
        ([True, False] * 5, "binary"),
        ([0, 1] * 5, "binary"),
        ([0.0, 1.0] * 5, "binary"),
        ([-1, 1, None] * 5, "binary"),
        ([0.5, 1.5] * 5, "binary"),
        ([0.5, 1.5, 2.0] * 50, "regression"),
        ([1, 2, 3] * 20, "multiclass"),
        ([1.0, 2.0, 3.0] * 20, "multiclass"),
        ([1, 2, 3] * 19, "regression"),
        (list(range(20)) * 20, "multiclass"),
        (list(range(21)) * 50, "regression"),
        (["1", "2", "3"] * 20, "multiclass"),
        (["1", "2", "3"] * 3, "regression"),
        (["1,234", " 3.5 ", "7"] * 30, "regression"),
        (["3,5", "4,5", "5,25"] * 30, "regression"),
        (["12%", "3%", "7.5%"] * 30, "regression"),
        (["007", "008", "009"] * 3, "multiclass"),
        (["1", "2", "x"] * 3, "multiclass"),
        (["1", "2", "3", "NA"] * 3, "regression"),
        ([decimal.Decimal("1.5"), decimal.Decimal("2.5"), decimal.Decimal("3.5")] * 3, "regression"),
    ],
)
def test_problem_type_follows_the_stated_rule(values, expected):
    coding, _ = fit(values)

    assert expected == coding.problem_type
    assert coding.reasons[0].startswith(expected)


def test_categories_of_a_frame_are_read_by_their_values():
    coding, _ = fit_target(
        pa.chunked_array([pa.array(["b", "a", None, "b"]).dictionary_encode()]), name="y", task=None, metric=None
    )

    assert ("a", "b") == coding.classes


def test_metric_for_numbers_makes_whole_numbers_a_quantity():
    coding, _ = fit([1, 2, 3, 4, 5] * 40, metric="neg_root_mean_squared_error")

    assert "regression" == coding.problem_type
    assert "the metric rmse asks for numbers (5 distinct values)" in coding.reasons[0]


def test_metric_for_classes_makes_numbers_classes():
    coding, _ = fit(list(range(8)) * 3, metric="accuracy")

    assert "multiclass" == coding.problem_type
    assert "metric accuracy" in coding.reasons[0]


def test_task_overrules_the_values():
    assert "regression" == fit([0, 1] * 5, task="regression")[0].problem_type
    assert "multiclass" == fit(list(range(8)) * 3, task="classification")[0].problem_type
    assert "binary" == fit(["a", "b"] * 3, task="classification")[0].problem_type


@pytest.mark.parametrize(
    ("values", "task", "metric", "words"),
    [
        (["a", "b"] * 5, "regression", None, "values such as 'a'"),
        (["1", "2", "oops", "3"] * 5, "regression", None, "values such as 'oops'"),
        ([True, False] * 5, "regression", None, "values such as"),
        (["a", "b"] * 5, None, "rmse", "metric 'rmse' needs numbers"),
        ([1, 2, 3] * 30, "classification", "rmse", "'rmse' is for regression, but the task is multiclass"),
        ([1, 2, 3] * 30, "regression", "accuracy", "but the task is regression"),
        ([1, 2, 3] * 30, "binary", None, "has 3 classes"),
        ([1, 2] * 30, "multiclass", None, "has 2 classes"),
        (["a", "b", "c"] * 30, None, "roc_auc", "roc_auc_ovr is for more than two"),
        (["a", "b", "c"] * 30, "classification", "f1", "f1_macro is for more than two"),
    ],
)
def test_contradicting_settings_are_refused(values, task, metric, words):
    with pytest.raises(SettingsError, match=words):
        fit(values, task=task, metric=metric)


# -- labels there and back ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "classes", "dtype"),
    [
        (["no", "yes", "no"], ("no", "yes"), object),
        ([True, False, True], (False, True), np.bool_),
        ([10, 9, 10], (9, 10), np.int64),
        ([2.0, 1.0, 2.0], (1.0, 2.0), np.float64),
        ([0.5, -1.5, 0.5], (-1.5, 0.5), np.float64),
        (["10", "9", "10"], ("9", "10"), object),
    ],
)
def test_labels_come_back_as_they_went_in(values, classes, dtype):
    coding, _ = fit(values, task="classification")
    codes, usable = coding.encode(column(values))
    labels = coding.decode(codes)

    assert classes == coding.classes
    assert dtype == labels.dtype
    assert values == labels.tolist()
    assert usable.all()
    assert np.int64 == codes.dtype


def test_coding_survives_json():
    for values in (["a", "b"], [True, False], [1, 2], [1.0, 2.5], ["1,5", "2,5", "1,50"]):
        coding, _ = fit(values * 3, task="classification")
        again = TargetCoding.from_dict(json.loads(json.dumps(coding.to_dict())))

        assert coding == again
        assert codes_of(coding, values) == codes_of(again, values)


def test_codings_written_before_text_could_be_numeric_still_load():
    plain = {"name": "y", "problem_type": "binary", "kind": "text", "classes": ["a", "b"], "reasons": []}

    assert [1, 0] == codes_of(TargetCoding.from_dict(plain), ["b", "a"])


def test_outer_spaces_do_not_make_labels():
    coding, _ = fit(["yes ", " yes", "no", "no"])

    assert ("no", "yes") == coding.classes
    assert [1, 1, 0] == codes_of(coding, ["yes", "  yes", "no "])


def test_equal_numbers_in_text_are_one_label_in_the_shortest_spelling():
    coding, _ = fit(["0", "1", "2.0", "2", "1.0"] * 5, task="classification")

    assert ("0", "1", "2") == coding.classes
    assert [1, 1, 2] == codes_of(coding, ["1.0", "1", "2.00"])


def test_classes_of_text_that_writes_numbers_are_found_in_a_column_of_numbers():
    coding, _ = fit(["0", "1"] * 4)

    assert [1, 0] == codes_of(coding, [1, 0])
    assert [1, 0] == codes_of(coding, [1.0, 0.0])
    assert [1, 0] == codes_of(coding, [True, False])


def test_classes_of_numbers_are_found_in_a_column_of_text():
    for values in ([0, 1], [0.0, 1.0]):
        coding, _ = fit(values * 4)

        assert [1, 0, 1] == codes_of(coding, ["1", "0.0", " 1.0 "])


def test_truth_values_are_found_in_text_and_numbers():
    coding, _ = fit([True, False] * 4)

    assert [1, 0, 0, 1] == codes_of(coding, ["True", "false", "FALSE", "true"])
    assert [1, 0] == codes_of(coding, [1, 0])
    with pytest.raises(DataError, match="2"):
        coding.encode(column([2]))


def test_text_of_truth_values_is_found_in_a_boolean_column():
    coding, _ = fit(["yes", "no"] * 4 + ["TRUE", "FALSE"] * 4)

    assert "TRUE" == coding.decode(np.array(codes_of(coding, [True])))[0]


def test_score_time_missing_labels_are_masked_and_unknown_ones_named():
    coding, _ = fit(["a", "b", "c"] * 3)
    codes, usable = coding.encode(column(["b", None, "", "a"]))

    assert [1, -1, -1, 0] == codes.tolist()
    assert [True, False, False, True] == usable.tolist()
    with pytest.raises(DataError, match=r"'d', 'e'; known are 'a', 'b', 'c'"):
        coding.encode(column(["a", "d", "e"]))


def test_zero_rows_and_several_chunks_can_be_encoded():
    coding, _ = fit(["a", "b"] * 3)
    quantity, _ = fit([1.5, 2.5, 3.5])
    pieces = pa.chunked_array([pa.array(["b"]), pa.array([], pa.string()), pa.array(["a"])])

    assert [] == codes_of(coding, pa.array([], pa.string()))
    assert [1, 0] == coding.encode(pieces)[0].tolist()
    assert [] == quantity.encode(column([], pa.float64()))[0].tolist()


def test_a_column_without_any_value_is_missing_everywhere():
    coding, _ = fit(["a", "b"] * 3)

    assert [False, False] == coding.encode(column([None, None], pa.null()))[1].tolist()


@pytest.mark.parametrize(
    "values", [[1, None, 3, 4, 5], [1.0, float("nan"), 3.0, 4.0, 5.0], ["1", "", " 3.0", "4", "5 "]]
)
def test_quantities_become_floats_with_a_mask(values):
    coding, _ = fit(values, task="regression")
    numbers, usable = coding.encode(column(values))

    assert np.float64 == numbers.dtype
    assert [True, False, True, True, True] == usable.tolist()
    assert [1.0, 3.0, 4.0, 5.0] == numbers[usable].tolist()


def test_quantity_with_decimal_comma_reads_new_rows_the_same_way():
    coding, _ = fit(["3,5", "1.250,75", "12,25"])

    assert [1250.75, 2000.0] == coding.encode(column(["1.250,75", "2.000"]))[0].tolist()


def test_score_time_text_in_a_quantity_is_refused_with_its_row():
    coding, _ = fit([1.5, 2.5, 3.5])

    with pytest.raises(DataError, match=r"'low', which is no number, in 2 rows \(row 2, 3\)"):
        coding.encode(column(["1.5", "low", "high"]))


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "0 rows"),
        ([None, None], "missing in all 2 rows"),
        (["", " ", "NA"], "missing in all 3 rows"),
        ([float("nan")] * 4, "missing in all 4 rows"),
        (["x"] * 7, "is 'x' in all 7 rows"),
        ([3.0, 3.0, None], "is 3.0 in all 2 rows"),
        ([1, 2, None, None, None], "missing in 3 of 5 rows, more than half"),
        ([f"user {row}" for row in range(50)], "50 different labels in 50 rows"),
        (["a", "b", "c"], "another label in each of its 3 rows"),
        ([f"c{row % 1001}" for row in range(5000)], "1,001 different labels"),
        ([str(row) for row in range(100)] + ["n.v."], "most are numbers, but not 'n.v.'"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(values, words):
    with pytest.raises(DataError, match=words):
        fit(values, kind=None if values else pa.string())


@pytest.mark.parametrize("task", [None, "regression", "classification"])
@pytest.mark.parametrize("far", [float("inf"), float("-inf"), 1e39])
def test_values_too_large_are_refused_with_their_rows(task, far):
    with pytest.raises(DataError, match=r"infinite or beyond 3e\+38 in 2 rows \(row 2, 5\)"):
        fit([1.0, far, 2.0, None, far, 1.0, 2.0], task=task)


def test_dates_are_refused():
    with pytest.raises(DataError, match=r"target 'y' holds dates.*days"):
        fit([datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)])


def test_many_rows_are_shown_shortened():
    with pytest.raises(DataError, match=r"in 9 rows \(row 1, 2, 3, 4, 5, \.\.\.\)"):
        fit([float("inf")] * 9 + [float(row) for row in range(9)])


# -- findings -------------------------------------------------------------------------------------


def findings_of(values, **settings):
    return {finding.code: finding for finding in fit(values, **settings)[1]}


def test_clean_target_has_no_findings():
    assert {} == findings_of(["a", "b"] * 5)
    assert {} == findings_of([float(row) for row in range(30)])


def test_missing_labels_are_counted_with_the_texts_that_mean_it():
    finding = findings_of(["a", "b", "?", None, "a", "b"])["target-missing"]

    assert ("repair", 2) == (finding.level, finding.count)
    assert "2 of 6 rows have no target (also '?')" in finding.message


def test_classes_with_one_row_are_listed():
    finding = findings_of(["a", "a", "b", "b", "rare", "odd"])["single-member-class"]

    assert 2 == finding.count
    assert "'rare', 'odd'" in finding.message


def test_case_variants_stay_apart_and_are_told():
    coding, findings = fit(["Yes", "yes", "no", "Yes", "yes"])

    assert ("Yes", "no", "yes") == coding.classes
    assert ["label-case"] == [finding.code for finding in findings if finding.level == "warning"]
    assert "'Yes' and 'yes'" in findings[-1].message


@pytest.mark.parametrize("label", ["none", "None", "-", "missing"])
def test_labels_that_could_mean_missing_stay_classes_and_are_told(label):
    coding, findings = fit([label, "mild", label, "mild"])

    assert label in coding.classes
    assert [("label-like-missing", 2)] == [(finding.code, finding.count) for finding in findings]
    assert [coding.classes.index(label)] == codes_of(coding, [label])


def test_plus_and_minus_are_two_classes():
    assert ("+", "-") == fit(["+", "-"] * 4)[0].classes


def test_imbalance_is_told_with_metrics_that_help():
    finding = findings_of([0] * 1000 + [1] * 9)["imbalance"]

    assert "balanced_accuracy" in finding.message
    assert 9 == finding.count
    assert "imbalance" not in findings_of([0] * 900 + [1] * 9)


# -- labels as they are written -------------------------------------------------------------------


@pytest.mark.parametrize("values", [[2**60, 2**60 + 1], [2**64 - 1, 2**64 - 2], [-(2**60), -(2**60) - 1]])
def test_labels_beyond_the_digits_of_a_fraction_stay_apart(values):
    kind = pa.uint64() if max(values) >= 2**63 else pa.int64()
    coding, _ = fit(values * 5, kind=kind)
    labels = coding.decode(coding.encode(column(values, kind))[0])

    assert tuple(sorted(values)) == coding.classes
    assert values == labels.tolist()
    assert kind.to_pandas_dtype() == labels.dtype
    assert coding == TargetCoding.from_dict(json.loads(json.dumps(coding.to_dict())))
    assert [1, 0] == codes_of(coding, [str(max(values)), str(min(values))])


def test_long_numbers_in_text_stay_apart():
    values = [str(2**70), str(2**70 + 1)]
    coding, _ = fit(values * 5)

    assert tuple(values) == coding.classes
    assert [1, 0] == codes_of(coding, values[::-1])


def test_labels_with_blanks_come_back_as_they_are_written():
    """Predictions compared with the column of the file itself must be equal."""
    written = ["yes ", "no  "] * 5
    coding, findings = fit(written)

    assert written == coding.decode(coding.encode(column(written))[0]).tolist()
    assert [1, 0] == codes_of(coding, ["yes", "no"])
    assert () == findings


def test_labels_that_differ_in_blanks_are_one_class_and_told():
    coding, findings = fit(["yes", "yes", "yes ", "no", " no", " no"])

    assert (" no", "yes") == coding.classes
    assert [("repair", "label-blanks", 2)] == [(one.level, one.code, one.count) for one in findings]
    assert "one class: 'yes', 'no'" in findings[0].message
    assert [1, 1, 0] == codes_of(coding, ["yes ", " yes", "no"])


# -- what is hardly meant as classes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([f"{1 + row % 28:02}.03.2024" for row in range(84)], r"holds dates, such as '01.03.2024'; .*days"),
        ([f"{row % 24:02}:30" for row in range(72)], r"holds times, such as '00:30'; .*minutes"),
    ],
)
def test_dates_and_times_as_text_are_no_classes_unless_asked(values, words):
    with pytest.raises(DataError, match=rf"target 'y' {words}.*--task classification"):
        fit(values)
    assert "multiclass" == fit(values, task="classification")[0].problem_type


def test_a_few_times_may_be_classes():
    assert "multiclass" == fit(["06:00", "14:00", "22:00"] * 5)[0].problem_type


def test_labels_that_only_look_alike_stay_apart_and_are_told():
    _, findings = fit(["\u00e4", "a\u0308"] * 5)

    assert ["label-case"] == [one.code for one in findings]
    assert "how a letter is encoded" in findings[0].message


def test_values_that_are_one_float_are_told_before_training():
    with pytest.raises(DataError, match="subtract the least of them"):
        fit_target(
            pa.chunked_array([[2**60 + number for number in range(50)]]), name="y", task="regression", metric=None
        )


@pytest.mark.parametrize(
    ("form", "what"),
    [
        ("{} kg", "numbers with a unit"),
        ("${}.5B", "numbers with a unit"),
        ("{},5 Mio. €", "numbers with a unit"),
        ("{}h 5m", "times"),
    ],
)
def test_a_quantity_in_words_is_no_class(form, what):
    """Each weight would be a class of its own."""
    texts = [form.format(place % 40) for place in range(400)]

    with pytest.raises(
        DataError, match=rf"target 'y' holds {what}, such as .*--task classification if they are classes"
    ):
        fit(texts)
    assert "multiclass" == fit(texts, task="classification")[0].problem_type


@pytest.mark.parametrize(
    ("form", "share", "refused"),
    [("{} A", 31, False), ("{} A", 3, False), ("{} A", 1.5, True), ("{}k", 31, False), ("${}.5M", 3, True)],
)
def test_a_unit_of_most_labels_alone_makes_a_quantity(form, share, refused):
    """A class "10 A" beside those of numbers is one more class."""
    texts = [form.format(place) if place % share < 1 else str(place) for place in range(1, 32)] * 10

    if refused:
        with pytest.raises(DataError, match="holds numbers with a unit"):
            fit(texts)
    else:
        assert ("multiclass", 31) == (fit(texts)[0].problem_type, len(fit(texts)[0].classes))


def test_few_sizes_with_a_unit_are_classes():
    assert "multiclass" == fit(["250 ml", "500 ml", "750 ml"] * 100)[0].problem_type
