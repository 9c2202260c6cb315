"""Tests of rawkit.fetch."""
