"""What a look at this machine finds: one thing, how it is, and the command that mends it."""

from enum import StrEnum

import attrs


class Verdict(StrEnum):
    """How something is: *ok*, not as it could be (*note*), or in the way (*no*)."""

    OK = "ok"
    NOTE = "note"
    NO = "no"


@attrs.frozen(kw_only=True)
class Finding:
    """One thing looked at: what was found, what it means, and the command that mends it."""

    name: str
    verdict: Verdict
    text: str
    mend: str = ""
