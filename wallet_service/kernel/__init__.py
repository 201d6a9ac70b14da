"""What every room may use: money, ids, errors, time. Pure; knows nobody."""
