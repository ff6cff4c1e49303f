"""Python loads this at the start of every child process of the tests: the guard of the network holds there, too."""

import importlib.util
import os
from pathlib import Path

if "TRIPTYCH_TEST_SOCKETS" in os.environ:
    _spec = importlib.util.spec_from_file_location("_network_guard", Path(__file__).parents[1] / "network.py")
    assert _spec is not None
    assert _spec.loader is not None
    _network = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(_network)
    _network.Guard(Path(os.environ["TRIPTYCH_TEST_SOCKETS"]))
