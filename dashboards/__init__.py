"""Dashboards, rules and notifications; `source` is the Python that the dashboards are made with."""
