"""Job queues for Litestar on SAQ."""
