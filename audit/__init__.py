"""What happened: a mission read from its event history, the evidence chain and the rail. Pure over events."""
