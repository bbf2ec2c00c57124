"""Real servers for tests: Redis, a REST front over it, and a faulty line to either."""
