"""Tests of `rawkit.pictures`."""
