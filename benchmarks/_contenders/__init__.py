"""One file per contender: the same work, written as its own documentation shows it."""
