"""What a person sees: terminal, dashboard, report, trends."""
