"""Before and after: two analyses op by op, each change judged against the spread of the calls."""
