"""A slice of the fuzzer; all of it: `python -m tests.benchmarks.fuzz_pictures`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_mutated_files() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.fuzz_pictures", "--count", "300", "--seed", "13"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "findings: 0" in finished.stdout
