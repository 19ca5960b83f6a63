"""Which ops run, with which implementation, in how much memory."""
