"""What this library costs: programs that measure it, and their last figures."""
