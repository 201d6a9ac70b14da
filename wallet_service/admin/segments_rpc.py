"""AdminService: segments and customers."""

from __future__ import annotations

from typing import Final

from wallet.v1 import rules_pb2

from wallet_service.admin.wire import accountable, next_page
from wallet_service.kernel.errors import Reason, refuse
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import answered, plain
from wallet_service.rules.audience import Audience
from wallet_service.rules.belonging import ImportRow
from wallet_service.rules.publication import Segment, SegmentChange
from wallet_service.rules.ruleset import AttributeTest, SegmentRule
from wallet_service.transport.call import Call

_PAGE_DEFAULT: Final = 50


class SegmentsRpc:
    """How staff say whom rules tell apart, and how systems record what is known of customers."""

    def __init__(self, audience: Audience, pages: PageTokens) -> None:
        self._audience = audience
        self._segment_pages = pages

    async def put_segment(
        self, request: rules_pb2.PutSegmentRequest, call: Call
    ) -> rules_pb2.PutSegmentResponse:
        """Write a segment's title and rule, add customers to its list and take some out."""
        change = SegmentChange(
            title=plain(request.title, "title") or None,
            rule=_rule(request.rule) if request.HasField("rule") else None,
            add=[plain(ref, "add_customer_refs") for ref in request.add_customer_refs],
            remove=[plain(ref, "remove_customer_refs") for ref in request.remove_customer_refs],
        )
        revision = answered(
            await self._audience.put_segment(
                ProgramId(request.program_id), request.segment_id, change,
                accountable(request.accountability, call), call.deadline,
            )
        )  # fmt: skip
        return rules_pb2.PutSegmentResponse(revision=revision)

    async def list_segments(
        self, request: rules_pb2.ListSegmentsRequest, call: Call
    ) -> rules_pb2.ListSegmentsResponse:
        """Answer a page of segments, each with how many are on its list."""
        size = request.page_size or _PAGE_DEFAULT
        after = self._segment_pages.open("segments", request.program_id, request.page_token) or ""
        found = await self._audience.segments(ProgramId(request.program_id), after, size + 1, call.deadline)
        ids = [each.segment_id for each in found]
        return rules_pb2.ListSegmentsResponse(
            segments=[_segment(each) for each in found[:size]],
            next_page_token=next_page(self._segment_pages, "segments", request.program_id, ids, size),
        )

    async def get_segment(
        self, request: rules_pb2.GetSegmentRequest, call: Call
    ) -> rules_pb2.GetSegmentResponse:
        """Answer a segment, with a page of who is on its list."""
        program_id, size = ProgramId(request.program_id), request.page_size or _PAGE_DEFAULT
        shape = f"{program_id}/{request.segment_id}"
        after = self._segment_pages.open("members", shape, request.page_token) or ""
        segment = answered(await self._audience.segment(program_id, request.segment_id, call.deadline))
        refs = await self._audience.members(program_id, request.segment_id, after, size + 1, call.deadline)
        return rules_pb2.GetSegmentResponse(
            segment=_segment(segment), customer_refs=refs[:size],
            next_page_token=next_page(self._segment_pages, "members", shape, refs, size),
        )  # fmt: skip

    async def import_segment(
        self, request: rules_pb2.ImportSegmentRequest, call: Call
    ) -> rules_pb2.ImportSegmentResponse:
        """Put customers on a list or take them off: all of them, or none and everything that is wrong."""
        rows = [
            ImportRow(line=row.line, customer_ref=row.customer_ref, remove=row.remove) for row in request.rows
        ]
        imported = answered(
            await self._audience.import_rows(
                ProgramId(request.program_id), request.segment_id, rows,
                accountable(request.accountability, call), call.deadline,
            )
        )  # fmt: skip
        return rules_pb2.ImportSegmentResponse(
            revision=imported.revision,
            findings=[
                rules_pb2.ImportFinding(line=each.line, problem=each.problem, message=each.message)
                for each in imported.findings
            ],
        )

    async def put_customers(
        self, request: rules_pb2.PutCustomersRequest, call: Call
    ) -> rules_pb2.PutCustomersResponse:
        """Record what rules may ask of customers, each as a whole."""
        customers = {
            plain(each.customer_ref, f"customers[{index}].customer_ref"): dict(each.attributes)
            for index, each in enumerate(request.customers)
        }
        if len(customers) < len(request.customers):
            raise refuse(Reason.FIELD_INVALID, "customers", "A customer is there twice.")
        changed = answered(
            await self._audience.put_customers(
                ProgramId(request.program_id), customers, accountable(request.accountability, call), call.deadline
            )
        )  # fmt: skip
        return rules_pb2.PutCustomersResponse(changed=changed)

    async def get_customer(
        self, request: rules_pb2.GetCustomerRequest, call: Call
    ) -> rules_pb2.GetCustomerResponse:
        """Answer what is recorded of a customer; nothing of a stranger."""
        profile = await self._audience.profile(
            ProgramId(request.program_id), plain(request.customer_ref, "customer_ref"), call.deadline
        )
        return rules_pb2.GetCustomerResponse(
            customer=rules_pb2.CustomerRecord(
                customer_ref=request.customer_ref, attributes=profile.attributes
            ),
            segment_ids=sorted(profile.segments),
        )


def _rule(message: rules_pb2.SegmentRule) -> SegmentRule:
    return SegmentRule(
        all_of=tuple(
            AttributeTest(
                name=test.name, any_of=tuple(test.any_of), none_of=tuple(test.none_of),
                at_least=test.at_least if test.HasField("at_least") else None,
                at_most=test.at_most if test.HasField("at_most") else None,
            )
            for test in message.all_of
        )
    )  # fmt: skip


def _segment(segment: Segment) -> rules_pb2.Segment:
    return rules_pb2.Segment(
        segment_id=segment.segment_id, title=segment.title, revision=segment.revision, members=segment.members,
        rule=None if segment.rule is None else _rule_message(segment.rule),
    )  # fmt: skip


def _rule_message(rule: SegmentRule) -> rules_pb2.SegmentRule:
    return rules_pb2.SegmentRule(
        all_of=[
            rules_pb2.AttributeTest(
                name=test.name, any_of=test.any_of, none_of=test.none_of, at_least=test.at_least, at_most=test.at_most
            )
            for test in rule.all_of
        ]
    )  # fmt: skip
