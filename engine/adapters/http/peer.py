"""Who is at the other end of a TLS connection, by the certificate it has shown."""

import asyncio
from typing import Any

from engine.apiserver.authentication.user import UserInfo


def certificate_user(transport: asyncio.BaseTransport | None) -> UserInfo | None:
    """The common name as user, the organizations as groups; None without a certificate.

    TLS has checked by then that our authority has signed it for a client, and that it is valid.
    """
    shown: dict[str, Any] | None = None
    if transport is not None:
        shown = transport.get_extra_info("peercert")
    if not shown:
        return None
    name, groups = "", []
    for part in shown["subject"]:
        for field, value in part:
            if field == "commonName":
                name = value
            elif field == "organizationName":
                groups.append(value)
    return UserInfo(name=name, groups=tuple(groups)) if name else None
