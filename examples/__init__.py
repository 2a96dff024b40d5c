"""Enterprises around Sayso, to run and test it against; nothing in Sayso imports them."""
