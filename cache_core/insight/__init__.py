"""What the figures mean: ratings, targets and advice."""
