"""Tests of `rawkit.workers`."""
