"""How well what is foretold comes true, on real public data."""
