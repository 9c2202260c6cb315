"""The module built from the C files in `native`, where there was a compiler.

Each of its functions has a plain way in Python beside its caller, which does the same, bit for bit.
The environment variable ``RAWKIT_NATIVE`` keeps it from using all that the processor has, for
tests and for comparisons: ``base`` (what every processor of its kind has), ``avx2``, ``avx512``, or
``off`` for the plain ways.
"""

from __future__ import annotations

import os

from rawkit.errors import UsageError

__all__ = ["BUILT", "CUTS", "LEVEL", "functions"]

_asked = os.environ.get("RAWKIT_NATIVE", "")
if _asked != "off":
    try:
        from rawkit import _native as functions
    except ImportError:
        functions = None  # type: ignore[assignment] # its absence; BUILT is asked first
    except ValueError as error:
        raise UsageError(
            f"RAWKIT_NATIVE={_asked}",
            expected="base, avx2, avx512 or off",
            fix="Unset it to use all that the processor has.",
        ) from error
else:
    functions = None  # type: ignore[assignment] # likewise

BUILT: bool = functions is not None
"""Whether its functions are there."""
CUTS: bool = hasattr(functions, "cut_chunks")
"""Whether it reads, decodes and cuts the chunks of a file by itself: on 64-bit Intel and AMD."""
LEVEL: str = functions.LEVEL if BUILT else "off"
"""What it uses of the processor: `base`, `avx2` or `avx512`; `off` where it is not there."""
