"""Tests of `rawkit.subset`."""
