"""The demo: the whole system on this machine, and one traced report from end to end."""
