"""What a server is started with."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rawkit.errors import UsageError
from rawkit.workers import FRAME_SECONDS, MAX_RAM

if TYPE_CHECKING:
    from pathlib import Path

    from rawkit.workspace import Workspace

PORT = 8484
KEEP_SECONDS = 3600.0
_LEAST_RAM = 1_200_000_000
_BESIDE = 300_000_000
"""Bytes for what is neither decoder nor network: uploads on their way, a preview, the page."""
_DECODER_SHARE = 4
"""The decoder may take this part of the memory."""
_SHORT_TOKEN = 12
_TOKEN = re.compile(r"[A-Za-z0-9._~-]+")
"""What needs no quoting in an address or a cookie."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client, and all of them, may ask for."""

    file_bytes: int = 500_000_000
    """Size of a file."""
    disk_bytes: int = 20_000_000_000
    """What files and pictures of all clients take on disk."""
    photos: int = 500
    """Files of one work, an address of the page."""
    waiting: int = 1000
    """Files and pictures of all clients that wait for their turn."""
    uploads: int = 64
    """Uploads of one client at a time."""
    works: int = 2000
    """Works at a time."""
    rate: float = 100.0
    """Requests a second of one client, on average."""
    burst: int = 1000
    """Requests of one client at once."""
    idle_seconds: float = 60.0
    """Silence after which an upload is given up."""


@dataclass(frozen=True)
class ServeSettings:
    """How a server runs."""

    workspace: Workspace
    """What can be browsed, and where work is kept meanwhile."""
    weights: tuple[Path, ...]
    """Weights that can be chosen, the first by default."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: int = PORT
    """Port; 0 for any that is free."""
    token: str | None = None
    """What a client must know; None: whoever reaches the address may use it."""
    behind_proxy: bool = False
    """Whether a reverse proxy in front lets in only who may, and says who asks."""
    max_ram: int = MAX_RAM
    """Bytes of memory of all processes together."""
    keep_seconds: float = KEEP_SECONDS
    """How long a file and its pictures are kept after the last work on them."""
    frame_seconds: float = FRAME_SECONDS
    """Seconds after which a decoder is given up."""
    require_sandbox: bool = False
    """Whether not to run where the system offers no sandbox for what reads raw files."""
    limits: Limits = field(default_factory=Limits)
    """What clients may ask for."""

    def __post_init__(self) -> None:
        """Refuse what is unsafe or makes no sense.

        Raises
        ------
        UsageError
            If other machines could connect without a token, or a number is out of range.
        """
        if not self.is_local and self.token is None and not self.behind_proxy:
            raise UsageError(
                f"--host {self.host} without a token: anyone who reaches it could use it",
                expected="--token, or --behind-proxy where a reverse proxy asks who it is",
                fix="`--token auto` makes one up.",
            )
        if self.token is not None and len(self.token) < _SHORT_TOKEN:
            raise UsageError("a short token", expected=f"{_SHORT_TOKEN} characters or more")
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise UsageError("a token with odd characters", expected="letters, digits, - . _ ~")
        if not 0 <= self.port < 1 << 16:
            raise UsageError(f"port {self.port}", expected="0 to 65535")
        if not self.keep_seconds > 0:
            raise UsageError(f"--keep {self.keep_seconds:g}", expected="seconds above 0")
        if self.max_ram < _LEAST_RAM:
            raise UsageError(
                f"--max-ram {self.max_ram / 1e9:.2f}GB",
                expected=f"at least {_LEAST_RAM / 1e9:.1f}GB: a network, a decoder and the server",
            )
        if not self.weights:
            raise UsageError("no weights", expected="at least one file of weights")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def decoder_ram(self) -> int:
        """Bytes that decoding a file may take beyond what its process takes before it."""
        return self.max_ram // _DECODER_SHARE - 115_000_000

    @property
    def network_ram(self) -> int:
        """Bytes that a restoring process may plan with; the server is that process."""
        return self.max_ram - self.max_ram // _DECODER_SHARE - _BESIDE
