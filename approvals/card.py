"""
The card: what an approver is shown, rendered from the proposal by trusted code.

Deterministic: the same proposal gives the same card on the gate, in the CLI and in a verifier, so the digest in the
proposal binds what was shown. Nothing a mission or a model wrote stands outside the box marked untrusted, except the
arguments themselves, which are shown whole, escaped and labelled as what will be sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from approvals.display import broken, columns, visible, visible_json
from approvals.leaves import leaves
from approvals.line import Line as Line
from approvals.proposal import Prior, PriorKind, Proposal, Seen, proposal_id
from approvals.sources import CITED, WHERE, cited, stands
from policies.canonical import Digest, digest
from policies.model import Recorded

WILL_BE_SENT = "WILL BE SENT, exactly:"
WAS_SENT = "WAS SENT OR MAY HAVE BEEN, and is sent once more only by `retry`:"
NARROWEST = 50
"""Columns that the card's own frame needs."""
SIGNED_BY = "signed by "
_BAR = "| "
_ONLY_WHERE_THERE = ("origins", "cites")
"""Parts that cards from before there were any have not."""


class Card(Recorded):
    """A card in parts, each in order."""

    title: str
    facts: tuple[Line, ...]
    arguments: tuple[Line, ...]
    """What will be sent: every argument by path, whole."""
    seen: tuple[Line, ...]
    untrusted: tuple[str, ...]
    heading: str = WILL_BE_SENT
    """What the arguments are."""
    origins: tuple[Line, ...] = ()
    """Where the arguments' values stand."""
    cites: tuple[Line, ...] = ()
    """The passages that are cited."""

    @property
    def digest(self) -> Digest:
        """Covers every part."""
        return digest("card", self.form())

    def form(self) -> dict[str, JsonValue]:
        """What is digested. The usual heading and later parts that are empty are left out: older cards stay what they were."""
        absent = {name for name in _ONLY_WHERE_THERE if not getattr(self, name)}
        return self.model_dump(mode="json", exclude=absent | ({"heading"} if self.heading == WILL_BE_SENT else set[str]()))


def render(proposal: Proposal) -> Card:
    """The card of *proposal*."""
    return Card(
        title=_title(proposal),
        facts=tuple(_facts(proposal)),
        arguments=tuple(_sent(proposal)),
        seen=tuple(Line(label=f"event {seen.event_id}", text=_seen(seen)) for seen in proposal.seen),
        untrusted=tuple(visible(line) for line in proposal.because.splitlines()) or ("(nothing)",),
        heading=WILL_BE_SENT if proposal.reconciles is None else WAS_SENT,
        origins=stands(proposal),
        cites=tuple(map(cited, proposal.cites)),
    )


def _title(proposal: Proposal) -> str:
    what, mission = proposal.action.operation, visible(proposal.action.mission.mission_id)
    if proposal.reconciles is not None:
        return f"OUTCOME UNKNOWN: what became of {what} for mission {mission}?"
    if proposal.more:
        operations = ", ".join(dict.fromkeys(action.operation for action in proposal.actions))
        return f"{len(proposal.actions)} actions ({operations}) for mission {mission}"
    return f"{what} for mission {mission}"


def _facts(proposal: Proposal) -> list[Line]:
    action, principals = proposal.action, proposal.principals
    places = dict.fromkeys(f"{each.operation} at {visible(each.endpoint)}" for each in proposal.actions)
    lines = [
        *(Line(label="operation", text=place) for place in places),
        Line(label="mission", text=f"{visible(action.mission.mission_type)}, step {visible(action.step)}"),
        Line(label="owner", text=visible(principals.owner or "unknown")),
    ]
    if principals.on_behalf_of:
        lines.append(Line(label="on behalf of", text=visible(principals.on_behalf_of)))
    lines += [
        Line(label="needs", text=proposal.requirement.words()),
        *(Line(label=label, text=text) for label, text in proposal.requirement.details()),
        Line(label="by policy", text=", ".join(proposal.policies)),
        Line(label="expires", text=proposal.expires_at.isoformat(timespec="seconds")),
    ]
    lines += [*_amended(proposal), *_asked(proposal), *_earlier(proposal)]
    lines += [Line(label="caution", text=_again(prior)) for prior in proposal.prior if prior.same and _done(prior)]
    return [*lines, *map(_before, proposal.prior)]


def _seen(seen: Seen) -> str:
    # What a mission calls its operation stands last, and a claim begins with the kind of activity: it cannot look signed.
    return (f"{SIGNED_BY}{visible(seen.by)}: " if seen.by else "") + visible(seen.what)


def _had(card: Card) -> str:
    signed = any(line.text.startswith(SIGNED_BY) for line in card.seen)
    return "results the mission had before (as it claims" + (", where not signed)" if signed else ")")


def _done(prior: Prior) -> bool:
    """Whether it was done, or nobody knows that it was not."""
    return prior.kind in (PriorKind.UNKNOWN, PriorKind.FOUND_DONE) or (prior.kind is PriorKind.RECEIPT and not prior.failed)


def _again(prior: Prior) -> str:
    words = "the same was done before" if prior.kind is not PriorKind.UNKNOWN else "the same may have been done before"
    here = "an earlier run of this mission" if prior.run else "this mission"
    where = f"mission {visible_json(prior.mission)}" if prior.mission else here
    return f"{words}, in {where} (proposal {proposal_id(prior.proposal)})"


def _before(prior: Prior) -> Line:
    """An earlier proposal; another mission's name stands in quotes, so that what follows is no part of it."""
    kind = f"{prior.kind}, failed" if prior.failed else str(prior.kind)
    here = f"this mission's run {visible(prior.run)}: " if prior.run else ""
    where = f"mission {visible_json(prior.mission)}: " if prior.mission else here
    return Line(label=f"before this ({kind})", text=f"{where}{prior.operation} {visible_json(prior.arguments)}")


def _earlier(proposal: Proposal) -> list[Line]:
    """Of which runs the card answers for what they did."""
    heads, mission = proposal.earlier, proposal.action.mission.mission_id
    own = sum(head.mission_id == mission for head in heads)
    told = [(own, "of this mission"), (len(heads) - own, "of missions before it")]
    words = " and ".join(f"{count} {whose}" for count, whose in told if count)
    return [Line(label="earlier runs", text=f"{words}, each read to its end")] if heads else []


def _amended(proposal: Proposal) -> list[Line]:
    amends = proposal.amends
    if amends is None:
        return []
    lines = [Line(label="amended by", text=f"{visible(amends.amendment.who)}, from proposal {proposal_id(amends.proposal)}")]
    if len(amends.who) > 1:
        lines.append(Line(label="and before by", text=visible(", ".join(dict.fromkeys(amends.who[:-1])))))
    for path, value in sorted(amends.amendment.changes.items()):
        was = visible_json(amends.before[path]) if path in amends.before else "not there"
        lines.append(Line(label=f"changed {visible(path)}", text=f"from {was} to {visible_json(value)}"))
    return lines


def _asked(proposal: Proposal) -> list[Line]:
    asks = proposal.reconciles
    if asks is None:
        return []
    return [
        Line(label="asks about", text=f"proposal {proposal_id(asks.proposal)}, item {asks.item + 1}"),
        Line(label="sent about", text=asks.used_at.isoformat(timespec="seconds")),
        Line(label="idempotency key", text=visible(asks.idempotency_key)),
        *(Line(label="known", text=visible(words)) for words in asks.known),
        Line(label="answer", text="done; not-done; or retry, which sends exactly this once more"),
    ]


def _sent(proposal: Proposal) -> list[Line]:
    """Every argument of every action. Items of a batch are numbered, and each says which operation it is."""
    if not proposal.more:
        return _arguments(dict(proposal.action.arguments))
    lines: list[Line] = []
    for number, action in enumerate(proposal.actions, start=1):
        lines.append(Line(label=f"({number})", text=action.operation))
        lines += [Line(label=f"({number}) {line.label}", text=line.text) for line in _arguments(dict(action.arguments))]
    return lines


def _arguments(value: JsonValue) -> list[Line]:
    return [Line(label=path or "(none)", text=visible_json(leaf)) for path, leaf in leaves(value)]


def as_text(card: Card, width: int = 100) -> str:
    """The card for a terminal of *width* columns, at least NARROWEST. Long lines are broken, never cut."""
    column = _label_column((*card.facts, *card.arguments, *card.seen))
    title, *more = broken(card.title, width - 4)
    parts = [title, *(f"  {_BAR}{piece}" for piece in more), "=" * columns(title), *labelled(card.facts, width, column)]
    parts += ["", card.heading, *labelled(card.arguments, width, column)]
    for heading, lines in ((WHERE, card.origins), (CITED, card.cites), (f"{_had(card)}:", card.seen)):
        if lines:
            parts += ["", *broken(heading, width), *labelled(lines, width, column)]
    parts += ["", boxed("UNTRUSTED: written by the mission or a model", card.untrusted, width)]
    return "\n".join(parts)


def _label_column(lines: Sequence[Line]) -> int:
    return min(28, max((columns(line.label) for line in lines), default=0))


def labelled(lines: Sequence[Line], width: int, column: int | None = None) -> list[str]:
    """
    *lines* in two columns, labels and texts. Where a label or a text goes on, a bar stands before it.

    INVARIANT: only what has its own label begins without a bar. A text that is broken just so cannot pass for another line.
    """
    column = _label_column(lines) if column is None else column
    blank = " " * (column + 2)
    rows: list[str] = []
    for line in lines:
        label, *more = broken(line.label, column)
        first, *rest = broken(line.text, width - column - 4)
        rows.append(f"  {label}{' ' * (column - columns(label))}  {first}")
        rows += [f"  {_BAR}{piece}" for piece in more]
        rows += [f"{blank}{_BAR}{piece}" for piece in rest]
    return rows


def boxed(title: str, lines: Sequence[str], width: int = 100) -> str:
    """*lines*, which are safe to print, in a box that none of them can end."""
    parts = [f"+-- {title} ".ljust(width - 1, "-") + "+"]
    parts += [f"| {piece}" for line in lines for piece in broken(line, width - 4)]
    return "\n".join([*parts, "+" + "-" * (width - 2) + "+"])


def as_markdown(card: Card) -> str:
    """The card for the Temporal UI. Everything variable stands in code, where Markdown and HTML are inert."""
    parts = [f"### {_code(card.title)}", "", *_table(card.facts), "", f"**{_code(card.heading)}**", ""]
    parts += [*_table(card.arguments), ""]
    for heading, lines in ((f"**{WHERE}**", card.origins), (f"**{CITED}**", card.cites), (_had(card).capitalize(), card.seen)):
        if lines:
            parts += [heading, "", *_table(lines), ""]
    parts += ["**Untrusted: written by the mission or a model**", "", *_table(_says(card))]
    return "\n".join(parts)


def _says(card: Card) -> tuple[Line, ...]:
    return tuple(Line(label="it says", text=line) for line in card.untrusted)


def _table(lines: tuple[Line, ...]) -> list[str]:
    rows = [f"| {_code(line.label)} | {_code(line.text)} |" for line in lines]
    return ["| | |", "|---|---|", *rows]


def _code(text: str) -> str:
    # A backtick would end the code span and a bar the table cell; both are shown by their escape.
    # Nothing at all would make two backticks, which open another span.
    return "`" + (text.replace("`", "\\u0060").replace("|", "\\u007c") or " ") + "`"
