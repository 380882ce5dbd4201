"""Files and folders: synchronous, always called from a thread that may wait."""
