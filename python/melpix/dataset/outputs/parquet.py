# SPDX-License-Identifier: MIT
"""Parquet shards that Hugging Face datasets open as images with labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from melpix.dataset.outputs.record import COLUMNS, Record, columns, text, texts
from melpix.dataset.outputs.shards import Writer

# A row group is what a reader fetches and decodes to show one image, and what is kept in memory
# here. 100 rows are what Hugging Face writes for images; wide ones fill the bytes first.
_ROWS = 100

_BYTES = 16 << 20


class Parquet:
    """Parquet shards in the form of Hugging Face's image datasets, of PNG files.

    The columns are ``image``, ``label`` and the rest of `melpix.dataset.outputs.record.COLUMNS`.

    Parameters
    ----------
    labels : sequence of str, optional
        All classes, in the order of their numbers: makes the label a ``ClassLabel``. None: it
        is text.

    Raises
    ------
    ImportError
        pyarrow is not installed: it comes with ``melpix[parquet]``.
    """

    suffix = ".parquet"
    payload_suffix = ".png"

    def __init__(self, labels: Sequence[str] | None = None) -> None:
        try:
            import pyarrow as pa
        except ImportError as error:
            raise ImportError("Parquet needs pyarrow: pip install 'melpix[parquet]'") from error
        string = {"dtype": "string", "_type": "Value"}
        # Of each column: Arrow's type, and datasets' in the words of version 2, which later
        # ones still understand.
        types = {
            text: (pa.string(), string),
            int: (pa.int64(), {"dtype": "int64", "_type": "Value"}),
            float: (pa.float64(), {"dtype": "float64", "_type": "Value"}),
            texts: (pa.list_(pa.string()), {"feature": string, "_type": "Sequence"}),
        }
        image = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        columns: dict[str, tuple[Any, Any]] = {"image": (image, {"_type": "Image"})}
        columns |= {name: types[kind] for name, kind in COLUMNS.items()}
        self._numbers = None
        if labels is not None:
            names = [text(label) for label in labels]
            self._numbers = {name: number for number, name in enumerate(names)}
            columns["label"] = (pa.int64(), {"names": names, "_type": "ClassLabel"})
        features = {name: feature for name, (_, feature) in columns.items()}
        self._schema = pa.schema(
            {name: kind for name, (kind, _) in columns.items()},
            {"huggingface": json.dumps({"info": {"features": features}})},
        )

    def open(self, file: BinaryIO) -> Writer:
        """Begin a shard in an empty file."""
        return _Rows(file, self._schema, self._numbers)


class _Rows:
    """Row groups on their way into a Parquet file."""

    def __init__(self, file: BinaryIO, schema: Any, numbers: dict[str, int] | None) -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        self._numbers = numbers
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        # PNG is compressed, and no image comes twice: plain bytes, without statistics. All else
        # is small, and much of it comes again in each row.
        repeated = [
            f"{name}.list.element" if kind is texts else name for name, kind in COLUMNS.items()
        ]
        self._writer = pq.ParquetWriter(
            file, schema, compression="none", use_dictionary=repeated, write_statistics=repeated
        )

    def add(self, key: str, payload: bytes, record: Record) -> None:
        row = columns(record)
        row["image"] = {"bytes": payload, "path": f"{key}{Parquet.payload_suffix}"}
        if self._numbers is not None and "label" in row:
            if row["label"] not in self._numbers:
                raise ValueError(
                    f"labels must name all classes, but {row['label']!r} is not among them"
                )
            row["label"] = self._numbers[row["label"]]
        self._rows.append(row)
        self._bytes += len(payload)
        if len(self._rows) >= _ROWS or self._bytes >= _BYTES:
            self._flush()

    def close(self) -> None:
        if self._rows:
            self._flush()
        self._writer.close()

    def abandon(self) -> None:
        self._writer.is_open = False  # else its finalizer would write to the closed file

    def _flush(self) -> None:
        import pyarrow as pa

        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows, self._bytes = [], 0
