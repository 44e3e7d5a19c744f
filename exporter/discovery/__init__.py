"""Where printers come from beside the config."""
