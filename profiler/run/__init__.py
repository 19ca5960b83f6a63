"""What every profiler run needs: processes, watching, secrets, the capture directory."""
