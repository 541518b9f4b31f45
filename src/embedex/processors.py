"""How many processors this process may use: in a container often fewer than the machine has."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux shows a container its limits."""


def available(cgroup: Path = CGROUP) -> int:
    """Processors for this process: those it may run on, and no more than a container's share of time is worth.

    Threads beyond that share wait for one another, and a run with them is many times slower.

    Args:
        cgroup: where the limits are, in either version's form.
    """
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return mine if quota is None else max(1, min(mine, int(quota)))


def _quota(cgroup: Path) -> float | None:
    """Processors' worth of time that the container has; None where it is not limited."""
    try:
        if (cgroup / "cpu.max").exists():
            limit, period = (cgroup / "cpu.max").read_text().split()
        else:
            limit, period = (
                (cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text().strip() for name in ("quota", "period")
            )
        return None if limit in ("max", "-1") else int(limit) / int(period)
    except (OSError, ValueError):
        return None
