"""What `import roofprof` offers: analyses and diffs for scripts and notebooks. docs/library.md declares it."""
