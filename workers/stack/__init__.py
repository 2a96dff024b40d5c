"""The embedded stack: Temporal, the example systems and the four workers on one machine, over one data directory."""
