"""Missions as an attacker would write them, for the demo: they use nothing of ours but names on the wire."""
