"""What a person does with the exporter at a terminal, beside serving: one module for each command."""
