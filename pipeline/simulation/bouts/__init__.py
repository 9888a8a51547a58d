"""How each kind of bout is moved: one file per family, each turning bouts into a plan."""
