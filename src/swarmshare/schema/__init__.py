"""What crosses a border as plain values: snapshots and alerts to front ends, events between peers and the tracker."""
