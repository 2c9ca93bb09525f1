"""What each screen says: pure functions from data to lines."""
