"""Tests of rawkit.noise."""
