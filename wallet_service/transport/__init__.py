"""The door: who calls, until when, on whose behalf, and how a refusal leaves. Only this room knows the host."""
