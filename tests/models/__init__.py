"""Tests of `rawkit.models`."""
