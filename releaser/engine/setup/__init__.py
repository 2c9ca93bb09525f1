"""Preparing bare hosts and load balancers: pure steps, one script of them for each host, and the way there."""
