"""Tests of `rawkit.cli`."""
