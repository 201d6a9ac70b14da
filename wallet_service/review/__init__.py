"""Review: what a person must decide, who decides it, and what becomes of it."""
