"""From strings to translations."""
