"""Tests of `rawkit.video`."""
