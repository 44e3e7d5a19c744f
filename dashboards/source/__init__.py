"""The dashboards as code: one module each, made of what `grafana`, `theme` and `queries` have in common."""
