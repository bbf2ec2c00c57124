"""What the figures mean, and what is learned from reads: ratings, advice, TTLs, next reads."""
