"""HTTP: routes, content negotiation, the landing page."""
