"""The vocabulary that the engine and its faces share: snapshots of state, and alerts for facts."""
