"""Config files: which one holds here, what it says, and what that means for a command."""
