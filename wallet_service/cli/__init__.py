"""What a person types: `wallet`. Commands import their parts late, so that `--help` answers at once."""
