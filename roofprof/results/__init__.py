"""What an analysis found, as saved in report.json."""
