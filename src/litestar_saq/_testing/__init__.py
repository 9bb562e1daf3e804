"""What `litestar_saq.testing` is made of."""
