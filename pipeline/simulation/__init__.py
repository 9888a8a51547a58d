"""A simulated person with known knee angles."""
