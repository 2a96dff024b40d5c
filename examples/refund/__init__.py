"""The enterprise around the refund mission: order, payment and knowledge systems, and the issuer of their tokens."""
