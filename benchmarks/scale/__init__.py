"""What one Redis carries, what a worker does, what traces weigh: `python -m benchmarks.scale --help`."""
