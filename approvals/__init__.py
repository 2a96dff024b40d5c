"""How people decide: cards, decisions and the one state machine that says what became of a proposal. Pure, save `queue`."""
