"""`make fraud-report`: a town under attack, played through the public API, and what the starter policy made of it."""
