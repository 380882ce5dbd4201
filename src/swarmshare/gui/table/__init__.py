"""A table of rows of which only those in sight exist: 50,000 of them scroll like ten."""
