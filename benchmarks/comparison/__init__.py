"""Ours beside other job queues, in turn against one Redis: `python -m benchmarks.comparison --help`."""
