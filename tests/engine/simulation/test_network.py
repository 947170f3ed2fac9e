"""Addresses of simulated pods."""

from engine.simulation.network import AddressPool


def test_addresses_are_unique_until_given_back() -> None:
    """No two pods have one address; the pool can be empty, and is not for ever."""
    pool = AddressPool("10.0.0.0/29")
    taken = [pool.take() for _ in range(5)]

    assert taken == [f"10.0.0.{host}" for host in range(2, 7)]
    assert pool.take() is None
    pool.give_back("10.0.0.4")
    assert pool.take() == "10.0.0.4"


def test_a_freed_address_is_not_reused_at_once() -> None:
    """The address unused for longest comes first, so that late packets meet nobody."""
    pool = AddressPool("10.0.0.0/29")
    first = pool.take()
    assert first is not None
    pool.give_back(first)

    assert pool.take() != first
