"""Snapshots to Prometheus families: the only place that knows metric names."""
