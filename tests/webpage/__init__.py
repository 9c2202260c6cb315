"""Tests of `rawkit.webpage`."""
