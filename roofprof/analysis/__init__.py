"""From launches to judged op rows."""
