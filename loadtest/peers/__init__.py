"""Other ledgers under the same load: pairs of two-phase transfers, measured where somebody runs one.

python -m loadtest.peers.tigerbeetle 127.0.0.1:3000
python -m loadtest.peers.pgledger postgresql://user@host/database

Each prints what the yardstick of `make bench` prints: {"batch": {"16": {"per_s", "p50_ms", "p99_ms"}}}.
"""
