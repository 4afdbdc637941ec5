"""Frames of faults, and the bytes they travel as: from a child to the store, and back for the answers."""

import polars as pl
import pyarrow as pa

from daemon.records import Plan

FAULTS = {"_line": pl.UInt32(), "field": pl.String(), "code": pl.String(), "detail": pl.String()}


def of_header(plan: Plan) -> pl.DataFrame:
    """The warnings of the header line, in the columns of `Checked.faults`."""
    return pl.DataFrame(list(plan.faults), schema=FAULTS, orient="row")


def pack(frame: pl.DataFrame) -> bytes:
    """A frame as the bytes of an Arrow IPC stream, as they travel in `Block.faults`."""
    sink = pa.BufferOutputStream()
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def unpack(packed: bytes) -> pl.DataFrame:
    """The faults that `pack` made into bytes."""
    with pa.ipc.open_stream(packed) as stream:
        return pl.DataFrame(stream.read_all().to_reader())
