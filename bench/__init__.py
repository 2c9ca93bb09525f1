"""What `make bench` measures: one file a part, run by run.py."""
