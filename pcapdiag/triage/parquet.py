"""Rows as Parquet files; the only module that knows pyarrow."""

from __future__ import annotations

from importlib.util import find_spec
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from pcapdiag.errors import UsageError
from pcapdiag.triage.cells import Cell
from pcapdiag.triage.columns import Column

if TYPE_CHECKING:
    import pyarrow

ROW_GROUP = 10_000
"""Rows that are in memory before they are written."""


def is_there() -> bool:
    """Return whether Parquet can be written."""
    return find_spec("pyarrow") is not None


def need() -> None:
    """Raise UsageError where Parquet cannot be written."""
    if not is_there():
        raise UsageError("Parquet needs pyarrow", "pip install 'pcapdiag[parquet]'")


class ParquetFile:
    """Writes rows of one table to a stream."""

    def __init__(self, stream: BinaryIO, columns: tuple[Column, ...]) -> None:
        import pyarrow.parquet

        self._schema = _schema(columns)
        self._writer = pyarrow.parquet.ParquetWriter(
            pyarrow.PythonFile(stream, mode="w"), self._schema, compression="zstd"
        )
        self._columns: list[list[Cell]] = [[] for _ in columns]

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def add(self, row: list[Cell]) -> None:
        """Append a row."""
        for column, cell in zip(self._columns, row, strict=True):
            column.append(cell)
        if len(self._columns[0]) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow

        if self._columns[0]:
            arrays = [
                pyarrow.array(column, field.type)
                for column, field in zip(self._columns, self._schema, strict=True)
            ]
            self._writer.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))
        self._columns = [[] for _ in self._columns]


def _schema(columns: tuple[Column, ...]) -> pyarrow.Schema:
    import pyarrow

    types = {
        "text": pyarrow.string(),
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "flag": pyarrow.bool_(),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "nanoseconds": pyarrow.int64(),
        "texts": pyarrow.list_(pyarrow.string()),
        "integers": pyarrow.list_(pyarrow.int64()),
    }
    return pyarrow.schema(
        [
            pyarrow.field(column.name, types[column.kind], metadata={"description": column.means})
            for column in columns
        ]
    )
