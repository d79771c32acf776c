"""Run every benchmark and write build/bench.json: `make bench`.

Each tests/bench/bench_*.py has `run()`, which measures us and our peers in the same process and
gives rows {benchmark, value, unit, peer, peer_value, ratio}. Machines are noisy: read the ratios.
"""

import importlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OUTPUT = FOLDER.parents[1] / "build" / "bench.json"
KEYS = ("benchmark", "value", "unit", "peer", "peer_value", "ratio")


def main(wanted: list[str]) -> None:
    """Run the benchmarks named (all when none is)."""
    names = sorted(path.stem for path in FOLDER.glob("bench_*.py"))
    rows: list[dict[str, Any]] = []
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for name in names:
        if wanted and name.removeprefix("bench_") not in wanted:
            continue
        print(f"\n{name.removeprefix('bench_')}")
        for row in importlib.import_module(f"tests.bench.{name}").run():
            rows.append({key: row[key] for key in KEYS})
            print(_line(rows[-1]), flush=True)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(f"\n{OUTPUT}")


def _line(row: dict[str, Any]) -> str:
    ours = f"  {row['benchmark']:<52} {row['value']:>12,.2f} {row['unit']:<10}"
    if row["peer"] is None or row["peer_value"] is None:
        return ours
    return f"{ours} {row['peer']}: {row['peer_value']:,.2f}, ratio {row['ratio']:,.1f}"


if __name__ == "__main__":
    main(sys.argv[1:])
