"""Measuring the service: `make bench`, `make load`, `make soak`. Everything runs on this machine, for a bounded time."""
