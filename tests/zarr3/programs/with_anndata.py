"""anndata without zarr-python: annotated matrices survive, and parts of them are read."""

import sys
import warnings
from pathlib import Path

import zarrcy.compat

zarrcy.compat.install(api=3)

import anndata  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy.sparse  # noqa: E402
import zarr  # noqa: E402

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
table = anndata.AnnData(
    X=scipy.sparse.random(50, 20, density=0.2, format="csr", random_state=0),
    obs=pd.DataFrame(
        {"kind": pd.Categorical(["a", "b"] * 25), "n": np.arange(50)}, index=[f"c{i}" for i in range(50)]
    ),
    var=pd.DataFrame(index=[f"v{i}" for i in range(20)]),
)
table.layers["dense"] = np.random.default_rng(0).random((50, 20))
table.uns["notes"] = {"x": 1, "text": "b", "numbers": np.arange(3)}
table.write_zarr(folder / "a.zarr")
again = anndata.read_zarr(folder / "a.zarr")
assert (again.X != table.X).nnz == 0
assert (again.obs == table.obs).all().all()
assert np.array_equal(again.layers["dense"], table.layers["dense"])
group = zarr.open_group(folder / "a.zarr", mode="r")
assert (anndata.io.sparse_dataset(group["X"])[:3] != table.X[:3]).nnz == 0
written = zarr.open_group(folder / "b.zarr", mode="w")
anndata.io.write_elem(written, "x", table.X)
assert (anndata.io.read_elem(written["x"]) != table.X).nnz == 0
