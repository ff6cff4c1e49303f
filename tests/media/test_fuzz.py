"""A slice of the fuzzers; all of them: `python -m tests.benchmarks.fuzz_pictures` and `….fuzz_videos`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("fuzzer", ["fuzz_pictures", "fuzz_videos"])
def test_mutated_files(fuzzer: str) -> None:
    command = [sys.executable, "-m", f"tests.benchmarks.{fuzzer}", "--count", "300", "--seed", "13"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "findings: 0" in finished.stdout
