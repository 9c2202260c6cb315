"""Tests of `rawkit.colour`."""
