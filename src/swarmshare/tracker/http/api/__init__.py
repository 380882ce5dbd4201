"""The door for people and programs: HTTP with JSON, described by an OpenAPI document that is made from this code."""
