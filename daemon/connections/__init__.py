"""Connections to marketplaces: what commands do with them, when they are due, and their syncs."""
