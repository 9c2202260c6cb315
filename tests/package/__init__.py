"""Tests of `rawkit.package`."""
