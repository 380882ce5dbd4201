"""The HTTP API with JSON, described by an OpenAPI document that is made from this code."""
