"""Cameras: the Easy IP protocol, who is there, and since when."""
