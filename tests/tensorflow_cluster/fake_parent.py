"""A parent that starts a cluster of fakes, tells their process ids, and waits to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from nnopt_utils.tensorflow_cluster.clusters import Cluster

if __name__ == "__main__":
    with Cluster("fake_program", {"worker": 2}, Path(sys.argv[1]), timeout=60) as cluster:
        next(cluster.reports(lambda: False))
        print(*(process.running.pid for process in cluster.processes), flush=True)
        time.sleep(600)
