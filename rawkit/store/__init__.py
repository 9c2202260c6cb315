"""The zarr store: layout, shards, the table of frames, one writer, many readers."""

from rawkit.store.files import output_errors, write_atomically
from rawkit.store.layout import ArrayLayout, group_name, packed_layout, target_layout
from rawkit.store.pixel_hash import pixel_hash
from rawkit.store.place import Place, ReadablePlace, StoreFile, is_store, open_place, open_readable
from rawkit.store.read import Group, Store
from rawkit.store.remote import RemoteFile
from rawkit.store.rows import FrameRow, table_of_rows
from rawkit.store.shard import (
    check_sum,
    compresses,
    decode_chunk,
    decompress,
    encode_shard,
    index_bytes,
    parse_index,
    write_shard,
)
from rawkit.store.writer import (
    StagedFrame,
    StagedShard,
    StoreWriter,
    clear_after_death,
    open_writer,
)

__all__ = [
    "ArrayLayout",
    "FrameRow",
    "Group",
    "Place",
    "ReadablePlace",
    "RemoteFile",
    "StagedFrame",
    "StagedShard",
    "Store",
    "StoreFile",
    "StoreWriter",
    "check_sum",
    "clear_after_death",
    "compresses",
    "decode_chunk",
    "decompress",
    "encode_shard",
    "group_name",
    "index_bytes",
    "is_store",
    "open_place",
    "open_readable",
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
