"""Tests of `rawkit.store`."""
