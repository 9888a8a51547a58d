"""What the knee does: the stages from notification to summary, files, screens and commands."""
