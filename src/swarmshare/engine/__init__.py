"""The peer engine, on trio: connections, torrents, and the disk behind them. One thread owns everything here."""
