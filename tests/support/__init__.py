"""Tests of `rawkit.support`."""
