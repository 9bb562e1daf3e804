"""Adapters of ours and of other job queues: each runs in an environment of its own and needs nothing of ours."""
