"""What an archive holds for people, rail and cards, against the history they follow from; and its policy bundles."""

from __future__ import annotations

from audit.errors import AuditError
from audit.export import SEALED_SUFFIX, bundles_of, derived
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of

_FOLDERS = ("rail.json", "cards/")


def check_derived(material: Material) -> list[Found]:
    """Whether rail and cards are what the history gives."""
    there = {name: content for name, content in material.members.items() if name.startswith(_FOLDERS)}
    if not there:
        words = "whoever exported it could not read the contents or not tell them, or there was no room"
        return [missing("rail", f"rail and cards are not in the archive: {words}")]
    found = {name.removesuffix(SEALED_SUFFIX): _opened(name, content, material) for name, content in there.items()}
    if None in found.values() and (material.unseal is None or material.sealed_events - material.heard_events):
        return [missing("rail", "rail and cards are sealed")]
    if material.hints is None:
        return [fails("rail", "`keys.json`, which rail and cards were made with, cannot be read")]
    try:
        expected = derived(material.record, material.hints)
    except AuditError as error:
        return [missing("rail", str(error))]
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if not wrong:
        return _by_pins(expected, material)
    if material.manifest.sayso != material.version:
        # Words change with versions. What was signed of a card does not, and must be there as it was shown.
        wrong = [name for name in wrong if name.startswith("cards/") and name.endswith(".json")]
        if not wrong:
            words = f"cards are as they were shown; the rail is told in the words of sayso {material.manifest.sayso}"
            return [holds("rail", words)]
    if material.unbegun is not None:
        return [missing("rail", material.unbegun)]
    return [fails("rail", f"`{name}` is not what the history gives") for name in wrong]


def _by_pins(expected: dict[str, bytes], material: Material) -> list[Found]:
    """Whether the rail, which names people by the exporter's directory, reads the same by the verifier's own."""
    if material.hints != material.trust and derived(material.record, material.trust) != expected:
        return [
            missing("rail", "`keys.json` names people or keys otherwise than you do: by what you pin the rail reads otherwise")
        ]
    return [holds("rail", f"what the history gives: the rail and {of(len(expected) // 2, 'card')}")]


def _opened(name: str, content: bytes, material: Material) -> bytes | None:
    if not name.endswith(SEALED_SUFFIX):
        return content
    return material.unseal(content, name.removesuffix(SEALED_SUFFIX)) if material.unseal is not None else None


def check_policies(material: Material) -> list[Found]:
    """Whether the policy bundles that gates named are here and load."""
    found: list[Found] = []
    named = {settlement.bundle for settlement in material.settlements.values()}
    named |= {each.proposal.bundle for each in material.proposals.values()}
    for name in sorted(named):
        bundle = material.bundles.get(name)
        if bundle is None:
            found.append(missing("policies", f"policy bundle `{name[:12]}`, which a gate judged by, is not in the archive"))
        elif isinstance(bundle, str):
            found.append(missing("policies", bundle))
    strange = sorted(
        {name.split("/")[1] for name in material.members if name.startswith("policies/")} - set(bundles_of(material.record))
    )
    found += [material.nameless("policies", f"policy bundle `{name[:12]}`") for name in strange]
    return found or [holds("policies", f"what the gates judged by: {of(len(named), 'policy bundle')}")]
