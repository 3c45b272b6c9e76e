"""The command line (placeholder until the parser lands)."""


def main() -> int:
    """Run the command line."""
    raise SystemExit(2)
