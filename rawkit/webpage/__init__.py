"""A page that restores raw files in the browser that opens it: static files, no server of ours.

`packages` brings what others have compiled for browsers, `parameters` what a network knows beside
its weights, `write` puts both beside the page's own scripts in `static/`::

    made = write_webpage(Path("site"), Path("weights"), accept_licence=True)
"""

from rawkit.webpage.packages import PACKAGES, BrowserPackage, kept_packages
from rawkit.webpage.write import Webpage, write_webpage

__all__ = ["PACKAGES", "BrowserPackage", "Webpage", "kept_packages", "write_webpage"]
