"""A pytest plugin: a native module built with sanitizers takes the place of the installed one.

``RAWKIT_SANITIZED`` names its file; `tests.native.sanitize` builds it and starts pytest so.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader

_NAME = "rawkit._native"
_loader = ExtensionFileLoader(_NAME, os.environ["RAWKIT_SANITIZED"])
_spec = spec_from_loader(_NAME, _loader)
assert _spec is not None
_module = module_from_spec(_spec)
_loader.exec_module(_module)
sys.modules[_NAME] = _module
