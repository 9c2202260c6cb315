"""Tests of `rawkit.synth`."""
