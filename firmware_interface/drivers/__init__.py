"""One file per packet format, decoder and encoder side by side."""
