"""A durable-execution library on the same PostgreSQL, with as many empty steps as an order's life has: what owning no engine would cost.

Run by `bench.life` in an environment of its own (`python -m venv`, `pip install dbos`), so that nothing of it is in Haat's.

    python bench/durable.py postgresql://… --steps 9 --seconds 10 --together 16     prints one line of JSON
"""

import argparse
import asyncio
import json
import time

from dbos import DBOS


@DBOS.step()
async def nothing(n: int) -> int:
    return n


@DBOS.workflow()
async def life(steps: int) -> int:
    for n in range(steps):
        await nothing(n)
    return steps


async def measure(steps: int, seconds: float, together: int) -> dict[str, float]:
    """Whole workflows per second with so many under way at once."""
    done = 0
    end = time.perf_counter() + seconds

    async def one_after_another() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await life(steps)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*[one_after_another() for _ in range(together)])
    took = time.perf_counter() - began
    return {"lives": done, "seconds": took, "per_second": done / took, "steps_per_second": done * steps / took}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("dsn")
    asked.add_argument("--steps", type=int, required=True, help="of each workflow")
    asked.add_argument("--seconds", type=float, default=10.0)
    asked.add_argument("--together", type=int, default=16)
    given = asked.parse_args()
    DBOS(config={"name": "empty-steps", "system_database_url": given.dsn, "log_level": "ERROR", "run_admin_server": False})
    DBOS.launch()
    try:
        print(json.dumps(asyncio.run(measure(given.steps, given.seconds, given.together))))
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    main()
