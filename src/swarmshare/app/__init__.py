"""Where the parts are put together: the engine, those who know other peers, and the settings."""
