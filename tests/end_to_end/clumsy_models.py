"""Models that do what no model should, one fault each."""

import os
import pickle
import signal
import sys
import threading
import time

import numpy as np
from ConfigSpace import ConfigurationSpace, Integer


def space(task):
    return ConfigurationSpace(space=[Integer("size", (1, 100))])


def raising_space(task):
    raise RuntimeError("no space today")


def exiting_space(task):
    sys.exit(2)


def wrong_space(task):
    return {"size": 3}


class Fair:
    """A model without fault: the mean class shares."""

    def __init__(self, config, task, seed):
        self.task = task

    def fit(self, train, valid, effort):
        self.shares = np.bincount(train.target, minlength=self.task.class_count) / len(train)
        return {}

    def predict(self, data):
        return np.tile(self.shares, (len(data), 1))

    def save(self, folder):
        np.save(folder / "shares.npy", self.shares)

    @classmethod
    def load(cls, folder, config, task, seed):
        made = cls(config, task, seed)
        made.shares = np.load(folder / "shares.npy")
        return made


class Patient(Fair):
    """Tells how long it could have trained."""

    def fit(self, train, valid, effort):
        return super().fit(train, valid, effort) | {"given": effort.deadline - time.monotonic()}


class Beside(Fair):
    """Ranks the rows that it is asked for, instead of what it learned."""

    def predict(self, data):
        ranks = np.argsort(np.argsort(data.values[:, 0])) / max(len(data) - 1, 1)
        return np.column_stack([1 - ranks, ranks])


class Nothing(Fair):
    def fit(self, train, valid, effort):
        super().fit(train, valid, effort)
        return


class Listed(Fair):
    def fit(self, train, valid, effort):
        super().fit(train, valid, effort)
        return ["facts"]


class OddFacts(Fair):
    def fit(self, train, valid, effort):
        super().fit(train, valid, effort)
        return {"rounds": "many", 3: float("nan")}


class Unnormed(Fair):
    def predict(self, data):
        return 3.0 * super().predict(data)


class Nan(Fair):
    def predict(self, data):
        made = super().predict(data)
        made[0] = np.nan
        return made


class Narrow(Fair):
    def predict(self, data):
        return super().predict(data)[:, :1]


class Short(Fair):
    def predict(self, data):
        return super().predict(data)[1:]


class Labels(Fair):
    def predict(self, data):
        return np.ones(len(data))


class Complex(Fair):
    def predict(self, data):
        return super().predict(data) + 0.1j


class Masked(Fair):
    def predict(self, data):
        return np.ma.masked_less(super().predict(data), 2.0)


class NoneAtAll(Fair):
    def predict(self, data):
        return None


class Negative(Fair):
    def predict(self, data):
        return super().predict(data) - 0.9


class Words(Fair):
    def predict(self, data):
        return np.array([["yes", "no"]] * len(data))


class InPlace(Fair):
    def fit(self, train, valid, effort):
        super().fit(train, valid, effort)
        for data in (train, valid):
            if data is not None:
                data.target[:] = 0
                data.values[:] = 0
        return {}


class Loud(Fair):
    def fit(self, train, valid, effort):
        for _ in range(30):
            print("x" * 100_000)
            print("y" * 100_000, file=sys.stderr)
        return super().fit(train, valid, effort)


class Threads(Fair):
    def fit(self, train, valid, effort):
        threading.Thread(target=time.sleep, args=(3600,)).start()
        return super().fit(train, valid, effort)


class Exits(Fair):
    def fit(self, train, valid, effort):
        sys.exit(3)


class Interrupts(Fair):
    def fit(self, train, valid, effort):
        raise KeyboardInterrupt


class Memory(Fair):
    def fit(self, train, valid, effort):
        raise MemoryError


class Recursion(Fair):
    def fit(self, train, valid, effort):
        return self.fit(train, valid, effort)


class HardExit(Fair):
    def fit(self, train, valid, effort):
        os._exit(0)


class Segfault(Fair):
    def fit(self, train, valid, effort):
        os.kill(os.getpid(), signal.SIGSEGV)


class Forks(Fair):
    def fit(self, train, valid, effort):
        if not os.fork():
            return super().fit(train, valid, effort)
        return super().fit(train, valid, effort)


class Closes(Fair):
    def fit(self, train, valid, effort):
        os.closerange(0, 64)
        return super().fit(train, valid, effort)


class Moves(Fair):
    def fit(self, train, valid, effort):
        os.chdir("/")
        return super().fit(train, valid, effort)


class JudgesItself(Fair):
    def fit(self, train, valid, effort):
        valid.target[:] = 0
        return super().fit(train, valid, effort)


class LoadsAnother(Fair):
    @classmethod
    def load(cls, folder, config, task, seed):
        made = super().load(folder, config, task, seed)
        made.shares = made.shares[::-1].copy() + np.array([0.2, -0.2])
        return made


class Pickles(Fair):
    def save(self, folder):
        super().save(folder)
        (folder / "more.bin").write_bytes(pickle.dumps({"shares": list(self.shares)}))


class Links(Fair):
    def save(self, folder):
        super().save(folder)
        (folder / "link").symlink_to(__file__)


class SavesNothing(Fair):
    def save(self, folder):
        pass


class Unloadable(Fair):
    @classmethod
    def load(cls, folder, config, task, seed):
        raise ValueError("cannot be loaded")


class BadError(Fair):
    class Error(Exception):
        def __str__(self):
            raise RuntimeError("no words")

    def fit(self, train, valid, effort):
        raise self.Error


class NoArguments(Fair):
    def __init__(self):
        pass


class Unpicklable(Fair):
    def fit(self, train, valid, effort):
        error = ValueError("cannot be sent")
        error.lock = threading.Lock()
        raise error
