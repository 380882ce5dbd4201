"""The window: it reads pictures of a desk and makes wishes (docs/window.md). Needs Tk and ttkbootstrap."""
