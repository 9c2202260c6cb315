"""Tests: run by `make test`; what they share is in `factories`, `strategies` and `fixtures_*`."""
