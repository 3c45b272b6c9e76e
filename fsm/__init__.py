"""The lifecycle: declared tables, one module per state, the engine, diagrams, ports."""
