"""One writer at a time: locks on folders, leases in buckets, and who holds them."""
