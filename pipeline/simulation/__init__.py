"""A person with known knee angles who wears inertial sensors: the truth that the pipeline is held against."""
