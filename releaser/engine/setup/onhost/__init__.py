"""Scripts that are sent to a host as they are: standard library only, Python 3.7 and later."""
