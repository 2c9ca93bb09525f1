"""Would a release, and the way back from it, go through here? Asked of every host at once, and nothing is changed."""
