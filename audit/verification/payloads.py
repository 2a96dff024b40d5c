"""Stored payloads: each is what its address says, each that somebody recorded is here, and none is here that nobody names."""

from __future__ import annotations

from audit.enclosed import wanted
from audit.references import address_of
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of


def check_payloads(material: Material) -> list[Found]:
    """
    Whether what histories refer to is in the archive.

    What a stranger's signal refers to need not be there: the gate could not open it either, or it had no room.
    """
    record = material.record
    uses, runs = ([each.raw for each in found.values()] for found in (material.uses, material.runs))
    groups = wanted(record.raw, uses, runs)
    named = {address for group in groups for address in group.addresses}
    found = [
        fails("payloads", f"what lies at payload `{address[:12]}` is not what was stored")
        for address, content in sorted(material.contents.items())
        if address_of(content) != address
    ]
    strange = sorted(material.contents.keys() - named)
    found += [fails("payloads", f"payload `{address[:12]}` is in the archive, and nothing refers to it") for address in strange]
    recorded = (address for group in groups if group.recorded for address in group.addresses)
    absent = [address for address in recorded if address not in material.contents]
    if absent:
        words = (
            f"of what the histories refer to, {of(len(absent), 'stored payload')} not in the archive, `{absent[0][:12]}` first"
        )
        found.append(missing("payloads", words))
    return found or [holds("payloads", f"as they were stored: {of(len(material.contents), 'payload')}")]
