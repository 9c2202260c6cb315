"""rawkit: from raw low-light photographs to training batches and back to pictures.

The folders are named after the way data goes:
``sensor`` (one raw file), ``catalog`` (a collection), ``store`` (zarr), ``ingest`` (catalog to
store), ``stream`` (store to batches), ``models``, ``train``, ``restore``, ``report``.
Importing ``rawkit`` alone loads none of them.
"""

__version__ = "0.1.0"
