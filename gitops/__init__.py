"""Everything done with git: the run's own store, worktrees, evidence, integration, publication."""
