"""python -m benchmarks: each benchmark as a process of its own, against a baseline in the same run; JSON on stdout."""

import json
import platform
import subprocess
import sys

import psutil

BENCHMARKS = ("ingest", "search")


def main() -> int:
    results: dict[str, object] = {
        "machine": {"cores": psutil.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    }
    for name in sys.argv[1:] or BENCHMARKS:
        run = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True, check=False
        )
        if run.returncode != 0:
            print(f"The benchmark {name} ended with {run.returncode}.", file=sys.stderr)
            return run.returncode
        results[name] = json.loads(run.stdout)
    print(json.dumps(results, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
