"""What a usual fit takes, by estimate, and how many folds a run can afford with that."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl.settings import Settings
    from automl.task import Task

SECONDS_PER_CELL_ROUND = 1.2e-8
"""Seconds that one boosting round spends per cell (rows x features) on one thread: 10,000 x 50 cells and
100 rounds take 0.5 to 1 s on the machines this was measured on."""
TYPICAL_ROUNDS = 300
"""Boosting rounds of a usual fit."""
MOST_TEXT_COLUMNS = 350
"""Columns that the words of all texts become, at most."""
OVERHEAD_SECONDS = 0.15
"""What a fit of the smallest table takes."""
SECONDS_PER_PIXEL = 3.9e-7
"""Seconds that a small convolutional net trains on a pixel on one thread: 3,300 images of 28 x 28 pixels a second."""
IMAGE_PIXELS = (400, 4096)
"""Images of fewer pixels cost as much as so many: a step has its own cost. Larger ones are made smaller first, by a
network that has little time."""
IMAGE_COST = 30.0
"""Relative cost of a usual network: passes over all images, about."""
FEW_IMAGES = 2_000
"""Up to so many are judged by folds, where there is time."""
VERY_FEW_IMAGES = 200
"""So few cannot do without."""
FAMILIES = 8
"""Trials that a run should fit at least; folds are cut down until about as many are affordable."""


def fit_seconds(task: Task) -> float:
    """Estimated seconds of one default fit of relative cost 1 on all rows, one thread."""
    if task.modality == "images":
        return image_fit_seconds(task)
    cells = task.rows * max(task.features + min(150 * task.texts, MOST_TEXT_COLUMNS), 1)
    return OVERHEAD_SECONDS + cells * task.outputs * TYPICAL_ROUNDS * SECONDS_PER_CELL_ROUND


def image_fit_seconds(task: Task) -> float:
    """The same for images: one pass of a small convolutional net over all of them."""
    least, most = IMAGE_PIXELS
    return task.rows * min(max(task.height * task.width, least), most) * SECONDS_PER_PIXEL


def choose_folds(task: Task, settings: Settings, seconds: float | None, workers: int) -> tuple[bool, int, int, str]:
    """Whether to hold out, else how many folds and repeats, and why.

    Out-of-fold bagging gives most of the gain on small data, so that folds grow as rows shrink; time cuts them.
    """
    if settings.folds is not None or settings.repeats is not None:
        folds, repeats = settings.folds or 5, settings.repeats or 1
        return False, folds, repeats, f"{folds} folds x {repeats} as asked"
    if task.modality == "images":
        return _image_folds(task, seconds, workers)
    rows = task.rows
    if rows < 40:
        wanted, repeats, why = 5, 4, "very few rows: repeats steady the scores"
    elif rows <= 1500:
        wanted, repeats, why = 8, 2, "few rows: more folds leave more rows to train on, repeats steady the scores"
    elif rows <= 20_000:
        wanted, repeats, why = 8, 1, "bagging over eight folds pays at this size"
    else:
        wanted, repeats, why = 5, 1, "enough rows for five folds"
    wanted = max(2, min(wanted, rows // 2))  # two rows at least judge in each
    cost = fit_seconds(task)
    if seconds is None:
        if rows > 200_000:
            return True, 1, 1, f"holdout: {rows:,} rows judge well enough on one part"
        return False, wanted, repeats, f"{wanted} folds x {repeats}: {why}"
    affordable = seconds * workers / (FAMILIES * cost)
    for folds, times in ((wanted, repeats), (wanted, 1), (5, 1), (3, 1)):
        if folds * times <= max(affordable, 1.0) and folds <= wanted:
            cut = (
                ""
                if (folds, times) == (wanted, repeats)
                else f", cut from {wanted} x {repeats} to fit in {seconds:.0f} s"
            )
            return False, folds, times, f"{folds} folds x {times}: {why}{cut}"
    if rows <= 2000:
        folds = min(3, wanted)
        return False, folds, 1, f"{folds} folds: too few rows to hold some out, whatever {seconds:.0f} s allow"
    return True, 1, 1, f"holdout: one fit takes about {cost:.1f} s, too long for folds in {seconds:.0f} s"


def _image_folds(task: Task, seconds: float | None, workers: int) -> tuple[bool, int, int, str]:
    """Networks are dear, so that folds are for few images."""
    if task.rows > FEW_IMAGES:
        return True, 1, 1, f"holdout: {task.rows:,} images judge well enough on one part, and folds take long"
    cost = IMAGE_COST * fit_seconds(task)
    affordable = float("inf") if seconds is None else seconds * workers / (FAMILIES * cost)
    for folds in (5, 3):
        if folds <= affordable:
            return False, folds, 1, f"{folds} folds: few images, all of which should judge"
    if task.rows < VERY_FEW_IMAGES:
        return False, 3, 1, f"3 folds: too few images to hold some out, whatever {seconds:.0f} s allow"
    return True, 1, 1, f"holdout: one network takes about {cost:.0f} s, too long for folds in {seconds:.0f} s"
