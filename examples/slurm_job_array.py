"""Fill an array with the tasks of a Slurm job array; tasks may be killed, requeued and repeated.

    python slurm_job_array.py create result.zarr
    sbatch --array=0-63 --requeue --wrap "python slurm_job_array.py fill result.zarr"
    python slurm_job_array.py finish result.zarr

On one machine, ``SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=2 python slurm_job_array.py fill result.zarr`` does the
same.
"""

import sys

import numpy as np

import zarrcy


def compute(region):
    """Return the values of a region; the result must be the same each time."""
    rows, columns = (np.arange(part.start, part.stop, dtype="f8") for part in region)
    return np.hypot(rows[:, None], columns)


def run(verb, path):
    """Do one of the three steps."""
    if verb == "create":
        zarrcy.open_array(
            path, mode="w", shape=(1000, 1000), chunks=(50, 50), shards=(200, 200), dtype="f8", zarr_format=3
        )
        return
    z = zarrcy.open_array(path, mode="r+")
    if verb == "fill":
        with z.task() as task:
            for region in task.remaining():
                task.write(region, compute(region))
    elif verb == "finish":
        if failed := z.fill_missing(compute):
            sys.exit(f"{len(failed)} regions failed")
        z.finish()
        print("complete:", bool((z[:] == compute((slice(0, 1000), slice(0, 1000)))).all()))


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2])
