"""Tests of `rawkit.evaluate`."""
