"""What a case is. No other room is imported here."""
