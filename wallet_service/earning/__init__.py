"""Earning: events in, judged, priced, credited, matured, and taken back when goods come back."""
