"""Rulesets as closures over integers, indexed so that a rule that cannot match costs nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A published ruleset, ready to price."""

    version: int
