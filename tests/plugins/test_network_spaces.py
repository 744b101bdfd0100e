"""The spaces of networks are made where torch is missing: `automl models`, portfolios and the plan need them there."""

import subprocess
import sys

CODE = """
import sys
from dataclasses import replace

from automl.registry import load_registry
from automl.space import model_space
from automl.testing import toy_task
from automl.testing.image_data import toy_image_task


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("no torch here", name=name)


sys.meta_path.insert(0, Absent())
tasks = {"table": toy_task("multiclass"), "images": replace(toy_image_task("multiclass"), pretrained="efficientnet-lite0")}
specs = [spec for spec in load_registry().models.values() if "torch" in spec.requires]
for spec in specs:
    assert len(model_space(spec, tasks[spec.modality])) > 3, spec.name
print(*sorted(spec.name for spec in specs))
"""


def test_the_spaces_of_all_networks_need_no_torch():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)

    assert "" == done.stderr
    assert {"mlp", "realmlp", "tabm", "ft_transformer", "cnn", "resnet", "efficientnet", "finetune"} <= set(
        done.stdout.split()
    )
