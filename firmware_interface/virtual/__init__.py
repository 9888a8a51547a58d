"""A virtual radio and virtual sensors: the real client without hardware."""
