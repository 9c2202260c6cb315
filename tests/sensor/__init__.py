"""Tests of `rawkit.sensor`."""
