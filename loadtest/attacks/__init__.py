"""Labelled attacks and honest look-alikes, seeded, to be mixed into a replay of real baskets."""
