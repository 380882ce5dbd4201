"""What the tracker answers over HTTP: announces, the API, a few pages, and numbers for monitoring."""
