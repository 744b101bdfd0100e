"""The form ``matrix`` and its parts: nothing missing, nothing huge, nothing that tells a row its own target."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from automl.data import matrix as matrix_module
from automl.data.matrix import MatrixEncoder
from automl.data.records import TableData, TableLayout
from automl.data.scaling import CLIP, NumberScaling
from automl.data.target_encoding import MOST_OUTPUTS, TargetEncoding
from automl.data.text_features import TextFeatures
from automl.data.tree_columns import TreeColumns
from automl.errors import PredictorError
from automl.task import Task
from automl.testing import toy_table, toy_task

BINARY = toy_task("binary")
REGRESSION = toy_task("regression")


def table(numbers=None, codes=None, levels=(), target=None, names=None):
    rows = len(numbers if numbers is not None else codes)
    numbers = np.zeros((rows, 0)) if numbers is None else np.asarray(numbers)
    codes = np.zeros((rows, 0)) if codes is None else np.asarray(codes)
    layout = TableLayout(
        numbers=tuple(f"number {place}" for place in range(numbers.shape[1])),
        categories=names or tuple(f"category {place}" for place in range(codes.shape[1])),
        levels=tuple(levels),
    )
    if target is None:
        target = np.arange(rows) % 2
    return TableData(layout=layout, numbers=numbers.astype(np.float32), codes=codes.astype(np.int32), target=target)


def encode(data, task=BINARY, seed=0):
    encoder = MatrixEncoder()
    return encoder, encoder.fit_transform(data, task, seed)


# -- the whole ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("problem_type", ["binary", "multiclass", "regression"])
def test_matrix_is_dense_finite_and_of_unit_scale(problem_type, text):
    train, valid = toy_table(problem_type, 300, text=text)
    encoder, made = encode(train, toy_task(problem_type, texts=int(text)))
    other = encoder.transform(valid)

    for one, source in ((made, train), (other, valid)):
        assert np.float32 == one.values.dtype
        assert one.values.flags.c_contiguous
        assert (len(source), len(one.names)) == one.values.shape
        assert np.isfinite(one.values).all()
        assert np.abs(one.values).max() < 20
        assert source.target is one.target
    assert made.names == other.names
    assert len(set(made.names)) == len(made.names)


@pytest.mark.parametrize("text", [False, True])
def test_saved_encoder_gives_the_same(tmp_path, text):
    train, valid = toy_table("multiclass", 300, text=text)
    wide = replace(
        train,
        codes=np.column_stack([train.codes, np.arange(300) % 60]).astype(np.int32),
        layout=replace(train.layout, categories=("colour", "town", "street"), levels=(4, 12, 60)),
    )
    new = replace(
        valid,
        codes=np.column_stack([valid.codes, np.arange(150) % 61]).astype(np.int32),
        layout=wide.layout,
    )
    encoder, _ = encode(wide, toy_task("multiclass"))
    encoder.save(tmp_path)
    again = MatrixEncoder.load(tmp_path)

    assert np.array_equal(encoder.transform(new).values, again.transform(new).values)
    assert encoder.transform(new).names == again.transform(new).names
    for path in tmp_path.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert all(arrays[name].dtype.kind in "fiub" for name in arrays.files)


def test_damaged_encoder_is_refused(tmp_path):
    encoder, _ = encode(toy_table("binary")[0])
    for name, content in (("matrix.json", "{"), ("scaling.npz", "PK"), ("matrix.json", "[]")):
        encoder.save(tmp_path)
        (tmp_path / name).write_text(content)

        with pytest.raises(PredictorError, match="missing or damaged"):
            MatrixEncoder.load(tmp_path)
    with pytest.raises(PredictorError, match="missing or damaged"):
        MatrixEncoder.load(tmp_path / "nowhere")


@pytest.mark.parametrize("text", [False, True])
def test_zero_rows_one_row_and_batches_agree_with_the_whole(text):
    train, valid = toy_table("binary", 200, text=text)
    encoder, made = encode(train, toy_task("binary", texts=int(text)))
    whole = encoder.transform(valid).values
    single = np.vstack([encoder.transform(valid.take(np.array([row]))).values for row in range(len(valid))])

    assert (0, made.values.shape[1]) == encoder.transform(valid.take(np.arange(0))).values.shape
    assert np.allclose(whole, single, atol=1e-6)


def test_same_seed_gives_the_same_matrix():
    train, _ = toy_table("binary", 200, text=True)
    wide = replace(train, layout=replace(train.layout, levels=(4, 12)))
    task = toy_task("binary", texts=1)

    assert np.array_equal(encode(wide, task, 3)[1].values, encode(wide, task, 3)[1].values)


def test_fit_alone_prepares_for_other_rows():
    train, valid = toy_table("binary", 200)
    encoder = MatrixEncoder()
    encoder.fit(train, BINARY, 0)

    assert np.array_equal(encode(train)[0].transform(valid).values, encoder.transform(valid).values)


def test_rows_of_other_folds_change_nothing():
    """What a row is encoded to depends on the training rows alone, not on its neighbours at predict time."""
    train, valid = toy_table("binary", 200)
    encoder, _ = encode(train)
    before = encoder.transform(valid).values[:10]
    spoiled = replace(valid, numbers=valid.numbers.copy(), codes=valid.codes.copy())
    spoiled.numbers[10:], spoiled.codes[10:] = 1e30, -1

    assert np.array_equal(before, encoder.transform(spoiled).values[:10])


def test_table_without_any_information_still_has_a_column():
    encoder, made = encode(table(numbers=np.full((20, 2), 7.0), codes=np.zeros((20, 1)), levels=(1,)))

    assert (20, 1) == made.values.shape
    assert ("nothing",) == made.names
    assert not encoder.transform(table(numbers=np.ones((3, 2)), codes=np.zeros((3, 1)), levels=(1,))).values.any()


# -- numbers --------------------------------------------------------------------------------------


def scaled(numbers, seed=0):
    scaling = NumberScaling()
    numbers = np.asarray(numbers, dtype=np.float32).reshape(len(numbers), -1)
    scaling.fit(numbers, seed)
    return scaling, scaling.transform(numbers)


def test_numbers_get_mean_zero_and_standard_deviation_one():
    rng = np.random.default_rng(0)
    columns = [
        rng.normal(1e6, 3, 1000),
        rng.uniform(-1e-6, 1e-6, 1000),
        rng.lognormal(size=1000),
        rng.integers(0, 2, 1000),
    ]
    _, values = scaled(np.column_stack(columns))

    assert np.allclose(values.mean(axis=0), 0, atol=1e-2)
    assert np.allclose(values.std(axis=0), 1, atol=2e-2)


@pytest.mark.parametrize("far", [[1e9], [1e9, -1e9], [3e38, -3e38, 1e20]])
def test_far_values_do_not_flatten_the_others(far):
    """Two-sided outliers cancel in the skewness, so that it alone does not show them."""
    rng = np.random.default_rng(0)
    plain = rng.normal(size=2000)
    _, values = scaled(np.concatenate([plain, far]))
    inner = values[:2000, 0]

    assert inner.std() > 0.5
    assert np.isfinite(values).all()
    assert np.abs(values).max() < 2 * CLIP + 90
    assert np.array_equal(np.argsort(plain.astype(np.float32), kind="stable"), np.argsort(inner, kind="stable"))


def test_order_is_kept_through_bending_and_clipping():
    numbers = np.sort(np.random.default_rng(0).standard_cauchy(3000)).astype(np.float32)
    _, values = scaled(numbers)

    assert (np.diff(values[:, 0]) >= 0).all()
    assert len(np.unique(values)) > 2900


def test_new_values_far_outside_stay_bounded():
    scaling, _ = scaled(np.random.default_rng(0).normal(size=500))
    values = scaling.transform(np.array([[3e38], [-3e38], [np.nan]], dtype=np.float32))

    assert np.isfinite(values).all()
    assert np.abs(values).max() < CLIP + 100


def test_columns_that_do_not_vary_are_dropped():
    rng = np.random.default_rng(0)
    gaps = np.where(rng.random(100) < 0.5, np.nan, 3.0)
    scaling, values = scaled(np.column_stack([np.full(100, 5.0), rng.normal(size=100), np.full(100, np.nan), gaps]))

    assert ["b", "d missing"] == scaling.names(("a", "b", "c", "d"))
    assert np.array_equal(np.isnan(gaps), values[:, 1] == 1)


def test_column_that_varies_in_few_rows_is_kept():
    numbers = np.zeros(30_000)
    numbers[[7, 29_000]] = 1.0
    scaling, values = scaled(numbers)

    assert [0] == scaling.arrays["kept"].tolist()
    assert values[7, 0] > 1


def test_missing_numbers_become_the_median_and_are_marked():
    numbers = np.arange(101.0)
    numbers[90:] = np.nan
    scaling, values = scaled(numbers)
    (middle,) = scaling.transform(np.array([[44.5]], dtype=np.float32))

    assert ["a", "a missing"] == scaling.names(("a",))
    assert np.allclose(values[90:, 0], middle[0], atol=1e-6)
    assert [0.0] * 90 + [1.0] * 11 == values[:, 1].tolist()


def test_rare_gaps_have_no_indicator_and_equal_gaps_one():
    numbers = np.random.default_rng(0).normal(size=(1000, 4))
    numbers[:4, 0] = np.nan
    numbers[100:200, 1:3] = np.nan
    numbers[100:201, 3] = np.nan
    scaling, _ = scaled(numbers)

    assert ["b missing", "d missing"] == scaling.names(("a", "b", "c", "d"))[4:]


def test_numbers_in_small_blocks_are_scaled_alike(monkeypatch):
    numbers = np.random.default_rng(0).lognormal(size=(50, 7))
    numbers[numbers < 0.3] = np.nan
    whole = scaled(numbers)[1]
    monkeypatch.setattr("automl.data.scaling.BLOCK_CELLS", 100)

    assert np.allclose(whole, scaled(numbers)[1], atol=1e-6)


# -- categories -----------------------------------------------------------------------------------


def test_few_levels_get_a_column_each_and_unseen_ones_none():
    codes = np.array([0, 1, 2, -1] * 5 + [3])[:, None]
    encoder, made = encode(table(codes=codes, levels=(5,)))
    new = encoder.transform(table(codes=np.array([[0], [-1], [3], [4], [5]]), levels=(5,))).values

    assert tuple(f"category 0={level}" for level in (-1, 0, 1, 2)) == made.names
    assert [[0, 1, 0, 0], [1, 0, 0, 0], [0] * 4, [0] * 4, [0] * 4] == new.tolist()


def test_two_levels_need_one_column():
    assert (10, 1) == encode(table(codes=np.tile([0, 1], 5)[:, None], levels=(2,)))[1].values.shape


def test_code_that_is_a_number_too_is_not_encoded_twice_by_the_target():
    codes = np.arange(200)[:, None] % 50
    data = table(numbers=codes, codes=codes, levels=(50,), names=("number 0",), target=np.arange(200) // 100)

    assert ("number 0",) == encode(data)[1].names


def test_many_levels_become_target_means_and_frequency():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 60, size=3000)
    chance = rng.random(60)
    target = (rng.random(3000) < chance[codes]).astype(np.int64)
    encoder, made = encode(table(codes=codes[:, None], levels=(60,), target=target))
    new = encoder.transform(table(codes=np.arange(60)[:, None], levels=(60,))).values

    assert ("category 0 target 0", "category 0 frequency") == made.names
    assert np.corrcoef(new[:, 0], chance)[0, 1] > 0.95
    assert np.corrcoef(made.values[:, 0], target)[0, 1] > 0.4


def test_training_rows_never_see_their_own_target():
    """Levels of one to three rows and a target of pure noise: any link would be a leak."""
    rng = np.random.default_rng(0)
    codes, target = rng.integers(0, 2000, size=4000), rng.integers(0, 2, size=4000)
    _, made = encode(table(codes=codes[:, None], levels=(2000,), target=target))

    assert abs(np.corrcoef(made.values[:, 0], target)[0, 1]) < 0.06


def test_levels_of_one_row_look_the_same_in_training_and_later():
    codes = np.concatenate([np.arange(400), np.arange(400, 450).repeat(4)])[:, None]
    target = np.random.default_rng(0).integers(0, 2, 600)
    encoder, made = encode(table(codes=codes, levels=(450,), target=target))
    new = encoder.transform(table(codes=np.full((1, 1), 450), levels=(450,))).values

    assert np.allclose(made.values[:400, 1], new[0, 1])
    assert abs(made.values[:400, 0].mean() - new[0, 0]) < 0.5


def test_one_hot_columns_are_bounded(monkeypatch):
    monkeypatch.setattr(matrix_module, "MOST_FEATURES", 30)
    codes = np.random.default_rng(0).integers(0, 10, size=(300, 20))
    _, made = encode(table(codes=codes, levels=(10,) * 20))

    assert 30 == sum("=" in name for name in made.names)
    assert 17 == sum("target" in name for name in made.names)


def test_rows_times_columns_bound_the_one_hot_columns(monkeypatch):
    monkeypatch.setattr(matrix_module, "MOST_CELLS", 10)
    codes = np.random.default_rng(0).integers(0, 10, size=(300, 20))
    _, made = encode(table(codes=codes, levels=(10,) * 20))

    assert 100 == sum("=" in name for name in made.names)


# -- target encoding ------------------------------------------------------------------------------


def many_levels(rows=2000, levels=40, seed=0, spread=1.0, noise=1.0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, levels, size=rows).astype(np.int32)
    means = rng.normal(scale=spread, size=levels)
    return codes[:, None], means[codes] + rng.normal(scale=noise, size=rows), means


@pytest.mark.parametrize(("classes", "outputs"), [(0, 1), (2, 1), (4, 4), (15, MOST_OUTPUTS)])
def test_outputs_follow_the_target(classes, outputs):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, size=(300, 2)).astype(np.int32)
    target = rng.integers(0, classes, 300) if classes else rng.normal(size=300)
    encoding = TargetEncoding(0)
    encoded = encoding.fit_transform(codes, target, (5, 5), classes)

    assert outputs == encoding.outputs
    assert (300, 2 * outputs) == encoded.shape == encoding.transform(codes).shape
    assert (outputs,) == encoding.spread.shape


def test_with_many_classes_the_largest_have_a_column():
    target = np.repeat(np.arange(15), np.arange(1, 16) * 3)
    encoding = TargetEncoding(0)
    encoding.fit_transform(np.zeros((len(target), 1), np.int32), target, (1,), 15)

    assert list(range(5, 15)) == encoding._outputs


def test_means_are_those_of_the_levels_when_levels_differ_clearly():
    codes, target, means = many_levels(noise=0.1)
    encoding = TargetEncoding(0)
    encoding.fit_transform(codes, target, (40,), 0)

    assert np.allclose(encoding.transform(np.arange(40, dtype=np.int32)[:, None])[:, 0], means, atol=0.2)


def test_levels_are_shrunk_as_far_as_they_are_noise():
    codes, target, _ = many_levels(rows=400, spread=0.0)
    noisy = TargetEncoding(0)
    noisy.fit_transform(codes, target, (40,), 0)
    fixed = TargetEncoding(0, smoothing=1.0)
    fixed.fit_transform(codes, target, (40,), 0)
    every = np.arange(40, dtype=np.int32)[:, None]

    assert noisy.transform(every).std() < 0.3 * fixed.transform(every).std()


def test_unseen_levels_get_the_prior_and_missing_their_own_value():
    codes = np.array([0, 0, 1, 1, -1, -1] * 20, dtype=np.int32)[:, None]
    target = np.array([0.0, 0.0, 1.0, 1.0, 5.0, 5.0] * 20)
    encoding = TargetEncoding(0)
    encoding.fit_transform(codes, target, (4,), 0)
    seen = encoding.transform(np.array([[0], [1], [2], [4], [-1]], dtype=np.int32))[:, 0]

    assert seen == pytest.approx([0, 1, 2, 2, 5], abs=0.1)


def test_large_values_lose_no_digits():
    codes, target, _ = many_levels(noise=0.1)
    near, far = TargetEncoding(0), TargetEncoding(0)
    near.fit_transform(codes, target, (40,), 0)
    far.fit_transform(codes, target + 1e6, (40,), 0)
    every = np.arange(40, dtype=np.int32)[:, None]

    assert np.allclose(near.transform(every) + 1e6, far.transform(every), atol=0.1)


def test_out_of_fold_encoding_does_not_know_the_own_target():
    codes, target = np.arange(100, dtype=np.int32)[:, None], np.tile([0, 1], 50)
    encoding = TargetEncoding(0)
    encoded = encoding.fit_transform(codes, target, (100,), 2)

    assert len(np.unique(encoded)) <= 5
    assert np.unique(encoding.transform(codes)).size == 2


def test_frequent_levels_have_one_value_where_that_is_wanted():
    codes = np.repeat([0, 1, 2, -1], [120, 99, 3, 150]).astype(np.int32)[:, None]
    target = np.random.default_rng(0).normal(size=len(codes))
    encoding = TargetEncoding(0, whole_from=100)
    encoded = encoding.fit_transform(codes, target, (3,), 0)[:, 0]

    seen = encoding.transform(codes)[:, 0]
    often = np.isin(codes[:, 0], [0, -1])
    assert np.array_equal(seen[often], encoded[often])
    assert len(np.unique(encoded[codes[:, 0] == 1])) == 5  # one for each part


def test_rows_of_a_group_never_see_their_own_targets_in_frequent_levels():
    codes, target = np.zeros((200, 1), np.int32), np.repeat([0.0, 1.0], 100)
    encoded = TargetEncoding(0, whole_from=10).fit_transform(codes, target, (1,), 0, np.repeat([0, 1], 100))[:, 0]

    assert encoded[:100].mean() > 0.9
    assert encoded[100:].mean() < 0.1


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows_can_be_encoded(rows):
    encoded = TargetEncoding(0).fit_transform(np.zeros((rows, 1), np.int32), np.arange(rows) * 1.0, (1,), 0)

    assert np.isfinite(encoded).all()


def test_saved_encoding_gives_the_same(tmp_path):
    codes, target, _ = many_levels()
    encoding = TargetEncoding(3)
    encoding.fit_transform(codes, target, (40,), 0)
    encoding.save(tmp_path)
    again = TargetEncoding.load(tmp_path)

    assert np.array_equal(encoding.transform(codes), again.transform(codes))
    assert np.array_equal(encoding.spread, again.spread)


# -- text -----------------------------------------------------------------------------------------


def counts_and_target(rows=400, buckets=256, seed=0):
    """Words 3 and 5 speak for class 1."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, rows)
    counts = rng.poisson(0.03, size=(rows, buckets)).astype(np.float32)
    counts[:, [3, 5]] = (rng.random((rows, 2)) < 0.7) * target[:, None] * 2
    return csr_matrix(counts), target


@pytest.mark.parametrize("problem_type", ["binary", "regression"])
def test_telling_words_are_chosen(problem_type):
    counts, target = counts_and_target()
    features = TextFeatures(0, words=10)
    features.fit(counts, target, problem_type)

    assert {3, 5} <= set(features._chosen.tolist())
    assert 10 == len(features._chosen)


def test_features_are_dense_and_bounded():
    counts, target = counts_and_target()
    features = TextFeatures(0, words=20, directions=7)
    features.fit(counts, target, "binary")
    values = features.transform(counts)

    assert (400, 27) == values.shape
    assert np.float32 == values.dtype
    assert values.flags.c_contiguous
    assert np.isfinite(values).all()
    assert np.abs(values).max() <= 1 + 1e-5


def test_rows_without_words_and_no_rows_are_fine():
    counts, target = counts_and_target()
    features = TextFeatures(0)
    features.fit(counts, target, "binary")

    assert not features.transform(csr_matrix((2, 256), dtype=np.float32)).any()
    assert 0 == len(features.transform(csr_matrix((0, 256), dtype=np.float32)))


def test_text_without_any_word_gives_no_columns():
    features = TextFeatures(0)
    features.fit(csr_matrix((30, 64), dtype=np.float32), np.arange(30) % 2, "binary")

    assert (30, 0) == features.transform(csr_matrix((30, 64), dtype=np.float32)).shape


def test_features_are_fitted_on_the_training_rows_alone():
    counts, target = counts_and_target()
    features = TextFeatures(0)
    features.fit(counts[:300], target[:300], "binary")
    alone = features.transform(counts[300:310])

    assert np.allclose(alone, features.transform(counts[300:])[:10], atol=1e-6)


def test_many_classes_and_many_rows_stay_bounded(monkeypatch):
    monkeypatch.setattr("automl.data.text_features.DECOMPOSED_ROWS", 100)
    monkeypatch.setattr("automl.data.text_features.MOST_CELLS", 1000)
    counts, _ = counts_and_target()
    features = TextFeatures(0)
    features.fit(counts, np.arange(400) % 90, "multiclass")

    assert (400, 100) == features.transform(counts).shape


def test_saved_features_give_the_same(tmp_path):
    counts, target = counts_and_target()
    features = TextFeatures(1)
    features.fit(counts, target, "binary")
    features.save(tmp_path)

    assert np.array_equal(features.transform(counts), TextFeatures.load(tmp_path).transform(counts))


def test_public_names_lead_here():
    import automl

    assert automl.TextFeatures is TextFeatures
    assert automl.TargetEncoding is TargetEncoding


def test_regression_target_of_any_scale_is_encoded():
    codes, target, _ = many_levels()
    for scale in (1e-6, 1e6):
        _, made = encode(table(codes=codes, levels=(40,), target=target * scale), REGRESSION)

        assert np.allclose(made.values.std(axis=0), 1, atol=0.1)


def test_task_of_many_classes_is_encoded():
    rng = np.random.default_rng(0)
    task = Task(
        target="y", problem_type="multiclass", metric="log_loss", rows=900, features=1, classes=tuple(range(30))
    )
    _, made = encode(table(codes=rng.integers(0, 40, (900, 1)), levels=(40,), target=rng.integers(0, 30, 900)), task)

    assert (900, MOST_OUTPUTS + 1) == made.values.shape


def test_without_target_encoding_categories_of_many_levels_are_told_by_how_often_they_occur(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 300, (3000, 1))
    data = table(rng.normal(size=(3000, 1)), codes, (300,), target=codes[:, 0] % 7.0)
    encoder, train = encode(data, replace(REGRESSION, target_encoding=False))
    encoder.save(tmp_path)
    again = MatrixEncoder.load(tmp_path).transform(data)

    assert ("number 0", "category 0 frequency") == train.names == again.names
    assert train.values.shape == again.values.shape == (3000, 2)


def test_without_target_encoding_trees_see_codes_of_all_levels():
    codes = np.random.default_rng(0).integers(0, 300, (3000, 1))
    data = table(codes=codes, levels=(300,), target=codes[:, 0] % 7.0)
    without, usual = (
        TreeColumns(replace(REGRESSION, target_encoding=wanted), 0, "encoded") for wanted in (False, True)
    )

    assert codes[:, 0].tolist() == without.fit_transform(data)[:, 0].tolist()
    assert np.corrcoef(usual.fit_transform(data)[:, 0], data.target)[0, 1] > 0.95


# -- categories for trees -------------------------------------------------------------------------


def mixed_levels(rows=600):
    """A column of 2, one of 8 and one of 40 levels; some rows of the second are missing."""
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, levels, rows) for levels in (2, 8, 40)], axis=1)
    codes[:30, 1] = -1
    return table(numbers=rng.normal(size=(rows, 1)), codes=codes, levels=(2, 8, 40), target=rng.normal(size=rows))


def test_ordered_categories_are_codes_and_target_means():
    data = mixed_levels()
    columns = TreeColumns(REGRESSION, 0, "ordered")
    values = columns.fit_transform(data)

    assert ["number 0", "category 0", "category 1", "category 2", "target mean 0", "target mean 1"] == columns.names
    assert np.array_equal(np.where(data.codes < 0, np.nan, data.codes), values[:, 1:4], equal_nan=True)
    assert not columns.categorical


def test_one_hot_categories_have_a_column_for_each_level():
    data = mixed_levels()
    columns = TreeColumns(REGRESSION, 0, "one_hot")
    values = columns.fit_transform(data)
    unseen = columns.transform(table(numbers=[[0.0]], codes=[[1, 8, 3]], levels=(2, 8, 40)))

    hot = [place for place, name in enumerate(columns.names) if name.startswith("category 1=")]
    assert 8 == len(hot)
    assert np.array_equal(values[:, hot].sum(axis=1), (data.codes[:, 1] >= 0).astype(float))
    assert np.array_equal(values[:, hot].argmax(axis=1)[30:], data.codes[30:, 1])
    assert ["number 0", "category 0", "category 2"] == columns.names[:3]
    assert ["target mean 0"] == columns.names[-1:]
    assert not unseen[0, hot].any()


def test_without_target_means_many_levels_stay_codes():
    task = replace(REGRESSION, target_encoding=False)
    for handling, names in (
        ("ordered", ["number 0", "category 0", "category 1", "category 2"]),
        ("encoded", ["number 0", "category 0", "category 1", "category 2"]),
        ("one_hot", ["number 0", "category 0", "category 2", *(f"category 1={level}" for level in range(8))]),
    ):
        columns = TreeColumns(task, 0, handling)
        columns.fit_transform(mixed_levels())
        assert names == columns.names


def test_long_tables_have_no_column_for_each_level(monkeypatch):
    monkeypatch.setattr("automl.data.tree_columns.MOST_CELLS", 600 * 7)
    columns = TreeColumns(REGRESSION, 0, "one_hot")
    columns.fit_transform(mixed_levels())

    assert "category 1" in columns.names


@pytest.mark.parametrize("handling", ["ordered", "one_hot"])
def test_saved_columns_of_trees_give_the_same(tmp_path, handling):
    data = mixed_levels()
    columns = TreeColumns(REGRESSION, 0, handling)
    columns.fit_transform(data)
    columns.save(tmp_path)
    again = TreeColumns.load(tmp_path, REGRESSION, 0)

    assert columns.names == again.names
    assert np.array_equal(columns.transform(data), again.transform(data), equal_nan=True)
