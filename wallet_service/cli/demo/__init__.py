"""`wallet demo`: thousands of real baskets through the public API, then every invariant in SQL."""
