"""Tests of `rawkit.notebook`."""
