"""Fraud: judges what an event looks like, purely."""
