"""The window: it reads snapshots of a session and submits commands (docs/window.md). Needs Tk and ttkbootstrap."""
