"""Printers that are asked over IPP."""
