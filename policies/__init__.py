"""What may be done: the bundle of policies, integrations and people, and the rulings made from it. Pure, save `load`."""
