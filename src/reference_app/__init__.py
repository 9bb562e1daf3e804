"""The reference deployment's app."""
