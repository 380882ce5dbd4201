"""What the tracker says and hears over Socket.IO, and how its packets travel over WebSockets."""
