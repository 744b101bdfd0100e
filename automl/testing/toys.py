"""A plugin of toy models for tests of the engine: they fit at once, and fail, sleep or allocate as told.

Use it for one registry, ``load_registry().register(toys, "toys")``, or for the process,
``automl.register_plugin(toys, "toys")``. Workers import `automl.testing.toy_models`, so it works in processes.
"""

from __future__ import annotations

from typing import Any, Literal

from automl.fidelity import Fidelity
from automl.hookspecs import hookimpl
from automl.specs import ModelSpec

Behaviour = Literal["fit", "fail", "sleep", "stubborn", "allocate", "exit", "crash", "nan", "shape"]
BEHAVIOURS: tuple[Behaviour, ...] = ("fail", "sleep", "stubborn", "allocate", "exit", "crash", "nan", "shape")

STEPS = Fidelity(name="steps", unit="toy steps", low=1, high=64, resumable=True)
"""What the toy models train: each step brings them nearer to what they can learn."""


def toy_spec(name: str = "toy", behaviour: Behaviour = "fit", **changes: Any) -> ModelSpec:
    """The spec of a toy model.

    With ``fit`` it learns a linear rule from the numbers, blurred by how far its hyperparameters ``x`` and
    ``y`` in [0, 1] are from their best, 0.3 and 0.8. Other behaviours happen in `fit`: raise an exception
    (``fail``), sleep an hour but keep the deadline (``sleep``) or not (``stubborn``), allocate memory without
    end (``allocate``), end the process (``exit``), die of a signal (``crash``), and in `predict`: give NaN
    (``nan``) or a wrong shape (``shape``). `changes` are fields of the spec.
    """
    fields: dict[str, Any] = {
        "name": name,
        "summary": f"A toy for tests ({behaviour}).",
        "factory": "automl.testing.toy_models:ToyModel",
        "space": f"automl.testing.toy_models:{behaviour}_space",
        "form": "table",
        "fidelities": (STEPS,),
        "relative_cost": 0.01,
    }
    return ModelSpec(**(fields | changes))


@hookimpl
def register_models() -> list[ModelSpec]:
    """``toy``, its twin ``toy_matrix`` on dense matrices, and ``toy_<behaviour>`` for each behaviour."""
    return [
        toy_spec(),
        toy_spec("toy_matrix", form="matrix"),
        *(toy_spec(f"toy_{behaviour}", behaviour) for behaviour in BEHAVIOURS),
    ]
