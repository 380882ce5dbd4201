"""The steps of the tables, in their order: one module each, never changed once it is published."""
