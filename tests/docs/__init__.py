"""Tests of `rawkit.docs`."""
