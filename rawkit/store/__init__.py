"""The zarr store: layout, shards, the table of frames, one writer, many readers."""

from rawkit.store.coordinates import NO_TARGET, exposure_of, long_of_pair
from rawkit.store.evicted import (
    EVICTED,
    evict_frames,
    frame_bytes,
    note_returned,
    read_evicted,
    settle_evicted,
    shard_keys,
)
from rawkit.store.layout import (
    FORMAT,
    FRAMES_TABLE,
    VERSION,
    ArrayLayout,
    ArrayName,
    Codec,
    group_name,
    packed_layout,
    target_layout,
)
from rawkit.store.locks.lock import lock, lock_of
from rawkit.store.manifest import About, derived_files, root_file, stored_count
from rawkit.store.pixel_hash import pixel_hash
from rawkit.store.places.objects import ObjectPlace
from rawkit.store.places.place import (
    Place,
    ReadablePlace,
    StoreFile,
    is_store,
    open_place,
    open_readable,
)
from rawkit.store.places.remote import RemoteFile
from rawkit.store.places.uploads import in_parallel
from rawkit.store.read import Group, Store, unreadable_shard
from rawkit.store.rows import FrameRow, encode_rows, read_rows, table_of_rows
from rawkit.store.shard import (
    REPAIR,
    check_sum,
    compresses,
    decode_chunk,
    decode_shard,
    decompress,
    encode_shard,
    index_bytes,
    parse_index,
    write_shard,
)
from rawkit.store.staging import staging_of
from rawkit.store.verify import Damage, array_of, check_shard, mend_metadata, verify_store
from rawkit.store.writer import (
    StagedFrame,
    StagedShard,
    StoreWriter,
    clear_after_death,
    open_writer,
)

__all__ = [
    "EVICTED",
    "FORMAT",
    "FRAMES_TABLE",
    "NO_TARGET",
    "REPAIR",
    "VERSION",
    "About",
    "ArrayLayout",
    "ArrayName",
    "Codec",
    "Damage",
    "FrameRow",
    "Group",
    "ObjectPlace",
    "Place",
    "ReadablePlace",
    "RemoteFile",
    "StagedFrame",
    "StagedShard",
    "Store",
    "StoreFile",
    "StoreWriter",
    "array_of",
    "check_shard",
    "check_sum",
    "clear_after_death",
    "compresses",
    "decode_chunk",
    "decode_shard",
    "decompress",
    "derived_files",
    "encode_rows",
    "encode_shard",
    "evict_frames",
    "exposure_of",
    "frame_bytes",
    "group_name",
    "in_parallel",
    "index_bytes",
    "is_store",
    "lock",
    "lock_of",
    "long_of_pair",
    "mend_metadata",
    "note_returned",
    "open_place",
    "open_readable",
    "open_writer",
    "packed_layout",
    "parse_index",
    "pixel_hash",
    "read_evicted",
    "read_rows",
    "root_file",
    "settle_evicted",
    "shard_keys",
    "staging_of",
    "stored_count",
    "table_of_rows",
    "target_layout",
    "unreadable_shard",
    "verify_store",
    "write_shard",
]
