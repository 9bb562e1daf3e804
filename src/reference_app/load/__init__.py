"""A load to look at: reports, and jobs that are quick, slow, late, retried or failing. It is no part of the service."""
