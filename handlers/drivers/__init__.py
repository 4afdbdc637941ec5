"""Marketplaces: one module each, named by the entry point `tradepost.drivers`. docs/drivers.md says how to add one."""
