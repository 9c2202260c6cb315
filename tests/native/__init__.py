"""Tests of `rawkit.native`."""
