"""Tests of `rawkit.report`."""
