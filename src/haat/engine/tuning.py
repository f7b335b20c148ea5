"""How a PostgreSQL of our own is set: sized to the machine, and never at the price of durability.

`fsync`, `synchronous_commit` and `full_page_writes` stay on and are named here so that nobody wonders. The rest was
measured on the write path: group commit wants room in the log (few checkpoints), short plans, and no parallel workers.
"""

import os
import shutil
from pathlib import Path

MIB = 1024 * 1024
SHARED_BUFFERS_MIN = 128 * MIB
SHARED_BUFFERS_MAX = 8 * 1024 * MIB
WAL_MAX = 8 * 1024 * MIB

FIXED = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "jit": "off",  # statements take milliseconds, compiling them would take tens
    "random_page_cost": "1.1",
    "work_mem": "16MB",
    "checkpoint_timeout": "15min",
    "max_locks_per_transaction": "256",
    "max_parallel_workers_per_gather": "0",  # the other cores belong to the requests
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
    "cluster_name": "haat",
}


def settings(data_dir: Path) -> dict[str, str]:
    """The settings for this machine, as PostgreSQL spells them. An eighth of the memory for pages, an eighth of the free disk for log."""
    memory = memory_bytes()
    buffers = min(max(memory // 8, SHARED_BUFFERS_MIN), SHARED_BUFFERS_MAX)
    wal = min(max(shutil.disk_usage(data_dir).free // 8, 512 * MIB), WAL_MAX)
    return FIXED | {
        "shared_buffers": f"{buffers // MIB}MB",
        "effective_cache_size": f"{memory // 2 // MIB}MB",
        "wal_buffers": f"{min(64 * MIB, buffers // 8) // MIB}MB",
        "max_wal_size": f"{wal // MIB}MB",
        "min_wal_size": f"{wal // 4 // MIB}MB",
    }


def memory_bytes() -> int:
    """What this machine, or the container around us, has."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical
