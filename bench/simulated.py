"""What benchmarks with simulated workers share: an endpoint, managers for it, and calls whose results are checked."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Optional

import common

ROOT = common.ROOT
YONDER = str(ROOT / "bin" / "yonder")
HOME = pathlib.Path(os.environ["YONDER_HOME"])
NAME = "simulated"
MANAGERS_PER_PROCESS = 4096  # a process may have 20,000 descriptors; connections need one at either end


def build() -> str:
    """Builds the load program and returns its path."""
    path = HOME / "load"
    subprocess.run(["go", "build", "-o", path, "./bench/load"], cwd=ROOT, check=True)
    return str(path)


class NoRoom(Exception):
    """The machine has too little memory left for more managers."""

    def __init__(self, managers: int, gib: float) -> None:
        super().__init__(f"{gib:.1f} GiB of memory were left with {managers:,} managers connected")
        self.managers = managers


class Endpoint:
    """An endpoint whose agent takes simulated managers, as long as the machine has so much memory left."""

    def __init__(self, slots: int, credit: int, credit_bytes: int = 8 << 30, least_gib: float = 0) -> None:
        self.load_program = build()
        self._least_gib = least_gib
        self._yonder("endpoint", "configure", NAME, "--provider", "none", "--slots", str(slots))
        self.dir = HOME / "endpoints" / NAME
        file = self.dir / "endpoint.yaml"
        text = re.sub(r"(?m)^(limits:\n(?:  .*\n)*?  tasks:) \d+", rf"\g<1> {credit}", file.read_text())
        text = re.sub(r"(?m)^(limits:\n(?:  .*\n)*?  bytes:) \d+", rf"\g<1> {credit_bytes}", text)
        file.write_text(text)

    def _yonder(self, *arguments: str) -> str:
        return subprocess.run([YONDER, *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    def start(self) -> None:
        self._yonder("endpoint", "start", NAME)

    def stop(self) -> None:
        self._yonder("endpoint", "stop", NAME)

    def status(self) -> dict[str, Any]:
        return json.loads((self.dir / "state" / "status.json").read_text())

    @contextlib.contextmanager
    def managers(self, managers: int, workers: int, work: str = "noop", processes: int = 2) -> Iterator[subprocess.Popen[bytes]]:
        """The process of managers that are all connected, until the end of the block."""
        processes = min(managers, max(processes, -(-managers // MANAGERS_PER_PROCESS)))
        command = [YONDER, "simulate", "managers", "--endpoint", NAME, "--managers", str(managers), "--workers", str(workers)]
        command += ["--work", work, "--processes", str(processes), "--log-level", "error"]
        crowd = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            self._await(managers, crowd)
            yield crowd
        finally:
            crowd.send_signal(signal.SIGINT)
            crowd.wait()
            self._await(0, None)

    def _await(self, managers: int, crowd: Optional[subprocess.Popen[bytes]], patience: float = 300) -> None:
        deadline = time.monotonic() + patience
        while self.connected() != managers:
            if crowd is not None and crowd.poll() is not None:
                raise RuntimeError("the simulated managers have ended")
            if crowd is not None and available_gib() < self._least_gib:
                raise NoRoom(self.connected(), available_gib())
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.connected()} of {managers} managers are connected after {patience} s")
            time.sleep(0.2)

    def connected(self) -> int:
        return int(self.status().get("managers", 0))

    def kib_each(self, crowd: subprocess.Popen[bytes], workers: int) -> tuple[float, float]:
        """Memory for each worker, of the agent and of the managers' processes."""
        agent = common.pss_gib(self.process())
        managers = sum(map(common.pss_gib, common.family(crowd.pid)))
        return round(agent * 2**20 / workers, 2), round(managers * 2**20 / workers, 2)

    def process(self) -> pathlib.Path:
        """The agent's directory in ``/proc``."""
        return pathlib.Path("/proc") / str(self.status()["pid"])

    def rss_gib(self) -> float:
        """The most memory that the agent has had."""
        return peak_gib(int(self.process().name))

    def load(self, tasks: int, *options: str, timeout_s: int = 3600) -> dict[str, Any]:
        """Submits calls and checks each result, unless the options say otherwise."""
        command = [self.load_program, "-endpoint", NAME, "-tasks", str(tasks), "-timeout", f"{timeout_s}s", *options]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])


def peak_gib(pid: int) -> float:
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return round(int(found[1]) / 2**20, 3) if found else 0.0


def available_gib() -> float:
    """Memory that the machine has left."""
    found = re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return int(found[1]) / 2**20 if found else float("inf")


def service() -> pathlib.Path:
    """The service's directory in ``/proc``."""
    return common.processes(str(HOME))["up"][0]


def service_gib() -> float:
    """The most memory that the service has had."""
    return peak_gib(int(service().name))
