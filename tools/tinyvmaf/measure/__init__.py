"""Numbers without opinions: agreement, engine agreement, latency and its history."""
