"""Printers: poll (what to ask), decode (pure), model (frozen), status (pure)."""
