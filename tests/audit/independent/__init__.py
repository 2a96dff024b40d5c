"""
A second verifier of archives, written from docs/audit-format.md alone: nothing of the product is imported here.

It does no Cedar, draws no cards and no rail: what only these can tell counts as holding.
"""
