"""The two U-Nets, from slices to raw masks."""
