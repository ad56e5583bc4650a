"""The two U-Nets: their training, and their predictions from slices to raw masks."""
