"""How peers decide: what to ask of whom, how much at once, and whom to serve."""
