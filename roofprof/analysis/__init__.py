"""From launches to op rows, each with its findings."""
