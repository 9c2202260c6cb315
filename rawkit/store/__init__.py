"""The zarr store: layout, shards, the table of frames, one writer, many readers."""

from rawkit.store.files import output_errors, write_atomically
from rawkit.store.layout import ArrayLayout, group_name, packed_layout, target_layout
from rawkit.store.pixel_hash import pixel_hash
from rawkit.store.read import Group, Store
from rawkit.store.rows import FrameRow, table_of_rows
from rawkit.store.shard import (
    compresses,
    decode_chunk,
    encode_shard,
    index_bytes,
    parse_index,
    write_shard,
)
from rawkit.store.writer import StagedFrame, StagedShard, StoreWriter, open_writer

__all__ = [
    "ArrayLayout",
    "FrameRow",
    "Group",
    "StagedFrame",
    "StagedShard",
    "Store",
    "StoreWriter",
    "compresses",
    "decode_chunk",
    "encode_shard",
    "group_name",
    "index_bytes",
    "open_writer",
    "output_errors",
    "packed_layout",
    "parse_index",
    "pixel_hash",
    "table_of_rows",
    "target_layout",
    "write_atomically",
    "write_shard",
]
