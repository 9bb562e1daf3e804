"""A day of a worker group under bursty load, simulated: `python -m benchmarks.autoscaling --help`."""
