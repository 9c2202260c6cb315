"""Benchmarks: run by `make bench`, printed with what they were measured on."""
