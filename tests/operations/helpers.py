"""Who acts in these tests."""

from cache_core.operations import Actor

OPERATOR = Actor("ada", "operator")
VIEWER = Actor("bob", "viewer")
