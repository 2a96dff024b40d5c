"""Measurements behind the figures in docs/measurements.md. They assert nothing."""
