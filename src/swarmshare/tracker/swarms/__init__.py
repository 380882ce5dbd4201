"""Who is in which swarm with which pieces, whom to tell of it, and the places where that can be kept."""
