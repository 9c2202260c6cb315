"""Tests of `rawkit.supply`."""
