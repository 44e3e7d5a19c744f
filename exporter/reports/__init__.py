"""Questions to Prometheus' HTTP API, answered as tables, CSV and JSON."""
