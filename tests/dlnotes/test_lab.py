import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from dlnotes import lab

CODE = Path(lab.__file__).parents[1]


@pytest.mark.parametrize(
    ("variable", "value", "choices"),
    [("DLNOTES_PROFILE", "fast", "quick、full"), ("DLNOTES_DEVICE", "gpu", "auto、cpu、cuda、mps")],
)
def test_a_wrong_setting_names_the_variable_and_the_choices(monkeypatch, variable, value, choices):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"{variable}='{value}'.*{choices}"):
        lab.start()


def test_a_device_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setenv("DLNOTES_DEVICE", "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match=r"DLNOTES_DEVICE=cuda.*可用的有.*cpu"):
        lab.device()


@pytest.mark.parametrize(
    ("cuda", "mps", "device", "profile"),
    [(True, True, "cuda", "full"), (False, True, "mps", "quick"), (False, False, "cpu", "quick")],
)
def test_auto_takes_the_best_device_and_its_profile(monkeypatch, cuda, mps, device, profile):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert lab.device().type == device
    assert lab.profile() == profile


def test_pick_follows_the_profile(monkeypatch):
    for profile, epochs in (("quick", 2), ("full", 10)):
        monkeypatch.setenv("DLNOTES_PROFILE", profile)
        assert lab.pick(quick=2, full=10) == epochs


def test_a_seed_repeats_all_three_generators():
    def draw() -> tuple[float, float, float]:
        return random.random(), np.random.rand(), torch.rand(()).item()

    lab.set_seed(3)
    first = draw()
    lab.set_seed(3)
    assert draw() == first


def test_environment_says_where_and_how_the_run_was(monkeypatch):
    monkeypatch.setenv("DLNOTES_DEVICE", "cpu")
    lab.start(seed=5)
    environment = lab.environment()
    assert environment["seed"] == "5"
    assert environment["device"] == "cpu"
    assert environment["device_name"].endswith(" 核")
    assert environment["torch"] == torch.__version__
    assert environment["python"].startswith("3.")
    assert environment["device_asked"] == "cpu"
    assert int(environment["threads"]) == torch.get_num_threads()
    assert torchvision.__version__.startswith(environment["torchvision"])
    assert all(isinstance(value, str) for value in environment.values())


def test_importing_lab_leaves_the_style_alone():
    program = "import matplotlib; from dlnotes import lab; print(matplotlib.rcParams['svg.fonttype'])"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=CODE, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "path"
