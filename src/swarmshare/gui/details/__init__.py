"""All about the transfer that is selected, in tabs."""
