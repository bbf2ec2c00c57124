"""The learning system on Redis Cluster and PostgreSQL while a node is killed and comes back."""
