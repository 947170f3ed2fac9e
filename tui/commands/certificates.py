"""`kubarium certificates status|renew`: how long a kept cluster's authority is good for."""

import argparse
import datetime as dt
import time
from pathlib import Path

from cryptography import x509

from engine.adapters.pki import authority_certificate, renew_authority


def add_parser(parser: argparse.ArgumentParser) -> None:
    """The arguments of both actions."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, help_text in (
        ("status", "say when the authority expires; 30 days before, a start renews it"),
        ("renew", "give the authority ten more years; clients with the old certificate go on"),
    ):
        action = actions.add_parser(name, help=help_text)
        action.add_argument(
            "--data", type=Path, metavar="DIR", required=True, help="where the cluster is kept"
        )
        action.set_defaults(action=name)


def run(options: argparse.Namespace) -> int:
    """Do what was asked and say until when the authority is good.

    Raises:
        ConfigError: there is no cluster in that directory, or its files cannot be used.
    """
    folder = options.data / "pki"
    now = time.time()
    if options.action == "renew":
        old = authority_certificate(folder)
        print(shown(folder / "ca.crt", renew_authority(folder, now=now), now))
        print(
            f"clients that trust the old certificate can go on until {_day(old)};"
            " a cluster that runs shows the new one from its next start"
        )
    else:
        print(shown(folder / "ca.crt", authority_certificate(folder), now))
    return 0


def shown(path: Path, certificate: x509.Certificate, now: float) -> str:
    """One line for one certificate."""
    left = certificate.not_valid_after_utc - dt.datetime.fromtimestamp(now, tz=dt.UTC)
    return f"{path}: expires {_day(certificate)}, in {left.days} days"


def _day(certificate: x509.Certificate) -> str:
    return certificate.not_valid_after_utc.strftime("%Y-%m-%d")
