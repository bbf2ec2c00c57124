"""Two-sided quantiles: how many standard errors to both sides hold a share of the cases."""

from __future__ import annotations

from statistics import NormalDist


def normal_quantile(level: float) -> float:
    """Of the normal distribution: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def t_quantile(level: float, freedom: float) -> float:
    """Of Student's t distribution with `freedom` degrees of freedom."""
    from scipy.special import stdtrit  # loaded here: the import command needs no quantile

    return float(stdtrit(freedom, 0.5 + level / 2))
