"""Tests of `rawkit.calibrate`."""
