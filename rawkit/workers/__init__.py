"""Work in other processes: of this machine or of a dask cluster, within limits that hold.

Nothing here knows what the work is. dask is imported when a cluster is used.
"""

from rawkit.workers.allocator import kept_memory
from rawkit.workers.child import Child, in_fork, receive_file, send_array
from rawkit.workers.cluster import Cluster
from rawkit.workers.limits import give_back, limit_memory, time_limit
from rawkit.workers.quiet import silence_c_libraries
from rawkit.workers.resources import (
    ALLOCATOR,
    FRAME_SECONDS,
    MAX_RAM,
    Resources,
    connect_cluster,
    start_cluster,
)
from rawkit.workers.sandbox import Confinement, confine, limit_files, load_sandbox
from rawkit.workers.travel import require_seen, scratch_folder, see

__all__ = [
    "ALLOCATOR",
    "FRAME_SECONDS",
    "MAX_RAM",
    "Child",
    "Cluster",
    "Confinement",
    "Resources",
    "confine",
    "connect_cluster",
    "give_back",
    "in_fork",
    "kept_memory",
    "limit_files",
    "limit_memory",
    "load_sandbox",
    "receive_file",
    "require_seen",
    "scratch_folder",
    "see",
    "send_array",
    "silence_c_libraries",
    "start_cluster",
    "time_limit",
]
