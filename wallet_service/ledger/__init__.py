"""The ledger: a pure core that decides, one way in, and a database that checks it."""
