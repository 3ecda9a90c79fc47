# SPDX-License-Identifier: MIT
"""Parquet shards that Hugging Face datasets open as images with labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, BinaryIO

from melpix.dataset.outputs.record import COLUMNS, Record, column_values, text, texts
from melpix.dataset.outputs.shards import Packer, Writer

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

    @property
    def packer(self) -> Packer:
        """What makes samples of records."""
        return Packer(".png", row)

    def open(self, file: BinaryIO) -> Writer:
        """Begin a shard in an empty file."""
        return _Rows(file, self._schema, self._numbers)


def row(key: str, suffix: str, record: Record, size: int) -> tuple[Any, ...]:
    """Return a row without its image: the path of that, and the values of all other columns."""
    return (key + suffix, *column_values(record))


class _Rows:
    """Row groups on their way into a Parquet file."""

    def __init__(self, file: BinaryIO, schema: Any, numbers: dict[str, int] | None) -> None:
        import pyarrow.parquet as pq

        self._schema = schema
        image, *self._types = schema.types
        self._image = list(image)  # its fields: to ask for them takes as long as to use them
        self._numbers = numbers
        self._rows: list[tuple[Any, ...]] = []
        self._images: list[bytes] = []
        self._bytes = 0
        # PNG is compressed, and no image comes twice: plain bytes, without statistics. All else
        # is small, and much of it comes again in each row.
        repeated = [
            f"{name}.list.element" if kind is texts else name for name, kind in COLUMNS.items()
        ]
        self._writer = pq.ParquetWriter(
            file, schema, compression="none", use_dictionary=repeated, write_statistics=repeated
        )

    def add(self, entry: tuple[Any, ...], payload: bytes) -> None:
        label = entry[_LABEL]
        if self._numbers is not None and label is not None and label not in self._numbers:
            raise ValueError(f"labels must name all classes, but {label!r} is not among them")
        self._rows.append(entry)
        self._images.append(payload)
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

        columns: list[Any] = list(zip(*self._rows, strict=True))
        if self._numbers is not None:
            columns[_LABEL] = map(self._numbers.get, columns[_LABEL])
        parts = zip((self._images, columns.pop(0)), self._image, strict=True)
        images = [pa.array(part, field.type) for part, field in parts]
        arrays = [pa.StructArray.from_arrays(images, fields=self._image)]
        arrays += map(pa.array, columns, self._types)
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows, self._images, self._bytes = [], [], 0


_LABEL = 1 + list(COLUMNS).index("label")  # of a row's values
