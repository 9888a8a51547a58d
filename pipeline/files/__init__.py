"""Recordings, importers and result folders."""
