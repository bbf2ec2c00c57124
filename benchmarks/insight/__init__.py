"""What the cache learns from its use, measured on recorded reads: one module for each question."""
