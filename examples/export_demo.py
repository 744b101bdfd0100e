"""Write the demo's train.csv and test.csv: tumour cells (Wisconsin, 569 rows, 30 columns) that scikit-learn ships.

python examples/export_demo.py FOLDER
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


def main(folder: Path) -> None:
    """Split two to one, by class, always the same way."""
    data = load_breast_cancer()
    names = [str(data.target_names[code]) for code in data.target]
    rows = [[*values, name] for values, name in zip(data.data.tolist(), names, strict=True)]
    parts = train_test_split(rows, test_size=1 / 3, random_state=1, stratify=data.target)
    folder.mkdir(parents=True, exist_ok=True)
    for file_name, part in zip(("train.csv", "test.csv"), parts, strict=True):
        with (folder / file_name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow([*data.feature_names, "diagnosis"])
            writer.writerows(part)
        print(f"{folder / file_name}: {len(part)} rows")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
