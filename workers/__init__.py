"""Processes and wiring: settings, connection, roles, the embedded stack and the command line. No rule lives here."""
