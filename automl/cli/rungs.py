"""``automl show RUN --rungs``: what each budget cost, and whether cheap budgets rank configurations as dear ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.rungs import rung_rows

if TYPE_CHECKING:
    from automl.cli.output import Output
    from automl.run_reader import RunReader


def show_rungs(output: Output, reader: RunReader) -> None:
    """Tell, per model and budget, trials, seconds, and the rank correlation with the next larger budget."""
    rows = rung_rows(reader.trials())
    if output.as_json:
        output.document({"rungs": rows})
        return
    from automl.cli.output import figure

    table = [
        (
            row["model"],
            f"{row['budget']:.4g}",
            str(row["trials"]),
            f"{row['seconds']:.2f}",
            figure(row["best_loss"]),
            "-" if row["rank_correlation"] is None else f"{row['rank_correlation']:.2f} ({row['pairs']})",
            ", ".join(f"{name} {value:.4g}" for name, value in row["facts"].items()),
        )
        for row in rows
    ]
    heads = ("model", "budget", "trials", "seconds each", "best loss", "ranks as the next budget (pairs)", "on average")
    output.table(heads, table)
