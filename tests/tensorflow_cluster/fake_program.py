"""A stand-in for a cluster's program, without TensorFlow: each process does what the job's folder says."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from nnopt_utils.tensorflow_cluster.processes import end_with_parent, run, say

folder = Path(sys.argv[sys.argv.index("--job") + 1])
task = json.loads(os.environ["TF_CONFIG"])["task"]


def main() -> None:
    end_with_parent(folder)
    for action in json.loads((folder / "actions.json").read_text())[f"{task['type']} {task['index']}"]:
        name, _, value = action.partition(" ")
        if name == "say":
            say(value)
        elif name == "print":
            print(value, flush=True)
        elif name == "sleep":
            time.sleep(float(value))
        elif name == "raise":
            raise RuntimeError(value)
        elif name == "exit":
            os._exit(int(value))
        elif name == "kill":
            os.kill(os.getpid(), int(value))
        elif name == "until":  # another process has written that
            while value not in "".join(log.read_text() for log in folder.glob("*.log")):
                time.sleep(0.05)


if __name__ == "__main__":
    run(main)
