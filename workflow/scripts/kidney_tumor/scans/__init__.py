"""The scans of a user: reading them from any format, and how far they resemble the training cases."""
