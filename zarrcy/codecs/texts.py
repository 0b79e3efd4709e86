"""Elements as texts of any length: what `zarrcy.Array.astype` returns for NumPy's ``StringDType``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zarrcy.codecs.elements import as_elements
from zarrcy.types import JSON, AnyArray, AnyDtype, Buffer, Elements


def is_text(dtype: Elements) -> bool:
    """Return whether a data type is that of texts of any length: ``"T"``, or NumPy's ``StringDType``.

    >>> is_text("T"), is_text("U4")
    (True, False)
    """
    of_numpy = getattr(getattr(np, "dtypes", None), "StringDType", None)
    return (isinstance(dtype, str) and dtype == "T") or (
        of_numpy is not None and (dtype is of_numpy or isinstance(dtype, of_numpy))
    )


@dataclass(frozen=True)
class AsText:
    """array -> array: show elements as texts, as NumPy's ``astype`` does.

    Parameters
    ----------
    dtype : AnyDtype
        Data type of the elements.
    """

    dtype: AnyDtype
    codec_id = "as_text"

    def encode(self, chunk: Buffer) -> AnyArray:
        raise TypeError("a view of texts cannot be changed")

    def decode(self, data: Buffer, out: Buffer | None = None) -> AnyArray:
        return as_elements(data, self.dtype).astype(str).astype(object)

    def get_config(self) -> dict[str, JSON]:
        return {"id": self.codec_id, "dtype": self.dtype.str}
