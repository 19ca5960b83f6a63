"""One capture: what is to be run, the session, the manifest."""
