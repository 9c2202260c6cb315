"""Tests of the front door, `rawkit.api`."""
