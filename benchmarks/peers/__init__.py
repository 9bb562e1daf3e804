"""Adapters of ours and of other job queues: each runs in an environment of its own and needs nothing of ours.

They are named `NAME_peer.py`, since a `celery.py` would be taken for the package by who looks beside it first.
"""
