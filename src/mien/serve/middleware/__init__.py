"""The middleware of the service: API keys, rate limits, security headers, metrics."""
