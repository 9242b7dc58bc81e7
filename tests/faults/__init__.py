"""What goes wrong in the world, and what must not go wrong with a message then."""
