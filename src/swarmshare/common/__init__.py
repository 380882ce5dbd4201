"""Values that both sides of the program need, peer and tracker, each defined once: sets of pieces, text, addresses."""
