"""Tests of `rawkit.metrics`."""
