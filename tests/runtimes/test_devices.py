"""Where the networks run. Machines with other devices are played: the answers of torch are what is replaced."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from app.runtimes import devices
from app.runtimes.devices import Device, DeviceError, available, choose, threads

GPU, APPLE = Device("cuda", "NVIDIA Test"), Device("mps", "Apple GPU")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what is there, in the order that `available` keeps."""

    def has(*found: Device) -> None:
        monkeypatch.setattr(devices, "available", lambda: (*found, devices.cpu()))

    return has


@pytest.mark.parametrize(
    ("found", "preference", "kind"),
    [
        ((), "auto", "cpu"),
        ((), "cpu", "cpu"),
        ((GPU,), "auto", "cuda"),
        ((GPU,), "cuda", "cuda"),
        ((GPU,), "cpu", "cpu"),
        ((APPLE,), "auto", "mps"),
        ((APPLE,), "mps", "mps"),
        ((GPU, APPLE), "mps", "mps"),
    ],
)
def test_every_preference(machine: Any, found: tuple[Device, ...], preference: str, kind: str) -> None:
    machine(*found)
    assert choose(preference).kind == kind


@pytest.mark.parametrize(
    ("found", "preference", "said"),
    [
        ((), "cuda", "“cuda” can't be used: there is no NVIDIA graphics card that torch can use here."),
        ((APPLE,), "cuda", "there is no NVIDIA graphics card"),
        ((GPU,), "mps", "“mps” can't be used: there is no Apple GPU that torch can use here."),
        ((GPU,), "tpu", "There is no device “tpu”: choose auto, cuda, mps, cpu."),
        ((GPU,), "", "There is no device “”"),
    ],
)
def test_every_error(machine: Any, found: tuple[Device, ...], preference: str, said: str) -> None:
    machine(*found)
    with pytest.raises(DeviceError) as raised:
        choose(preference)
    assert said in str(raised.value)
    assert "hoose" in str(raised.value)  # what to do


def test_the_cpu_needs_no_look_around(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> None:
        raise AssertionError("importing torch costs seconds")

    monkeypatch.setattr(devices, "available", never)
    assert choose("cpu") == devices.cpu()


class TestAvailable:
    @pytest.fixture(autouse=True)
    def _may(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "_may_have_gpu", lambda: True)

    def test_torch_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA Test")
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
        assert available() == (GPU, APPLE, devices.cpu())
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        assert available() == (devices.cpu(),)

    def test_without_torch_there_is_the_cpu(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)  # importing it raises ImportError
        assert available() == (devices.cpu(),)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux's device files")
def test_without_a_driver_torch_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not devices._may_have_gpu()
    monkeypatch.setattr(Path, "exists", lambda path: path == Path("/dev/nvidiactl"))
    assert devices._may_have_gpu()


def test_threads_and_the_name_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= threads() <= (os.cpu_count() or 1)
    monkeypatch.setattr(devices, "_physical_cores", lambda: 1)
    assert threads() == 1
    assert devices.cpu() == Device("cpu", "CPU, 1 thread")
    monkeypatch.setattr(devices, "_physical_cores", lambda: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    assert devices.cpu() == Device("cpu", "CPU, 3 threads")
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads() == 1
