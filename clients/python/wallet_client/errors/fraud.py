"""What a call can end with when a program's fraud policy has a say in it."""

from __future__ import annotations

from wallet_client.errors.roots import NotFound, Refused


class FraudRefused(Refused, reason="FRAUD_REFUSED"):
    """The program's fraud policy does not let it pass; fact `reasons` names the limits that spoke."""


class DeviceConflict(Refused, reason="DEVICE_CONFLICT"):
    """Another device has a reservation open in this wallet."""


class FraudPolicyInvalid(Refused, reason="FRAUD_POLICY_INVALID"):
    """The document cannot be put in force as it is."""


class FraudPolicyNotFound(NotFound, reason="FRAUD_POLICY_NOT_FOUND"):
    """The program has no such version of its fraud policy."""
