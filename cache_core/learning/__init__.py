"""The instruction learning system: what people asked of AI assistants, and how well it went.

Modules are imported one by one, so that the import command does not load what only analyses need.
"""
