"""What every request passes: keys, rate limits, security headers, measurement."""
