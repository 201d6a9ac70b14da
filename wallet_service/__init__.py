"""A cashback and loyalty wallet that a checkout can trust with money."""
