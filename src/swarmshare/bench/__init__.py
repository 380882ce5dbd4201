"""Speed, as a ratio against a reference measured in the same run: figures that mean something on another machine."""
