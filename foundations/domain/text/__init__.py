"""Text for people: one line of a terminal, calls and values abbreviated, secrets left out."""
