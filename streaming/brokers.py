"""Addresses of brokers, of whatever kind."""

from __future__ import annotations

from . import kafka_address, redis_address

SCHEMES = (*redis_address.SCHEMES, *kafka_address.SCHEMES)
"""How the addresses of brokers begin."""


def check_address(url: str) -> None:
    """Raise a StreamError if an address that begins as a broker's is none."""
    kafka = url.startswith(kafka_address.SCHEMES)
    (kafka_address if kafka else redis_address).parse(url)
