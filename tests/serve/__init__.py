"""Tests of `rawkit.serve`."""
