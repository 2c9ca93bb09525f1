"""What runs on a router's or an application's host. Standard library only, Python 3.7 and later, nothing else of ours."""
