"""Puts the year's campaigns, lists and rules in force through the public API."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time
from typing import Final

from wallet.v1.rules_pb2 import Campaign

from wallet_service.cli.demo.baskets import Reading
from wallet_service.cli.demo.offers import budget_of, dates_of, document, segment_of, segments
from wallet_service.cli.demo.scene import ACTOR, Scene
from wallet_service.runtime.errors import StartError

DRAFT: Final = "the-year"
MEMBERS_AT_ONCE: Final = 5_000


async def publish(scene: Scene, reading: Reading, first: date) -> None:
    """Write campaigns and lists of customers, then publish the rules as of the first day."""
    rules, program_id = scene.api.rules, scene.program_id
    reason = "the rules of the year"
    async with asyncio.TaskGroup() as group:
        for campaign in reading.campaigns:
            starts_at, ends_at = dates_of(campaign)
            message = Campaign(
                campaign_id=segment_of(campaign), title=f"Campaign {campaign.number}, {campaign.kind}",
                starts_at=starts_at, ends_at=ends_at, budget=budget_of(campaign), funding_account="marketing",
            )  # fmt: skip
            group.create_task(rules.put_campaign(program_id, message, actor=ACTOR, reason=reason))
        for name, refs in segments(reading).items():
            # Also one that nobody is in: a rule may ask for it.
            for begin in range(0, max(len(refs), 1), MEMBERS_AT_ONCE):
                part = refs[begin : begin + MEMBERS_AT_ONCE]
                group.create_task(
                    rules.put_segment(program_id, name, title=name, add=part, actor=ACTOR, reason=reason)
                )
    draft = await rules.put_draft(program_id, DRAFT, document(reading), actor=ACTOR, reason=reason)
    for finding in draft.findings[:1]:
        raise StartError(f"the demo's rules are not sound: {finding.path}: {finding.message}")
    in_force = datetime.combine(first, time.min, UTC)
    await rules.publish(
        program_id, DRAFT, expected_version=0, effective_at=in_force, actor=ACTOR, reason=reason
    )
