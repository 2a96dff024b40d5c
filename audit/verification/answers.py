"""Answers in the history against signatures: who proposed, who settled, who read, who reasoned."""

from __future__ import annotations

from dataclasses import replace

from pydantic import ValidationError

from approvals.card import render
from approvals.errors import SignatureError
from approvals.jws import take_apart
from approvals.proposal import Proposal, Refusal
from approvals.settlement import Settlement
from approvals.signed import Kind, Signed, opened
from approvals.testimony import ASKED, SIGNATURE
from audit.parts import MAX_ANSWER
from audit.record import Completed
from audit.verification.material import Material
from audit.verification.result import Found, fails, holds, missing, of
from audit.witnesses import witness_of

_KINDS = {"propose": (Kind.PROPOSAL, Kind.REFUSAL), "settle": (Kind.SETTLEMENT,)}


def check_answers(material: Material) -> list[Found]:
    """Whether each answer of a gate is signed by a gate whose key is pinned, for this run, over its own trail."""
    found: list[Found] = []
    count = 0
    for done in material.record.completed:
        if done.activity not in _KINDS:
            continue
        count += 1
        trouble = _trouble(done, material)
        if trouble is not None:
            found.append(trouble)
    return found or [holds("answers", f"signed by a gate, for this run and over its trail: {of(count, 'answer')}")]


def _trouble(done: Completed, material: Material) -> Found | None:
    signed = _signed(done)
    if signed is None:
        if done.event_id in material.sealed_events:
            return missing("answers", f"the answer to `{done.activity}` is sealed", done.event_id)
        return fails("answers", f"the answer to `{done.activity}` is not a gate's: it is not signed", done.event_id)
    unsure = standing(signed, signed.kind, material, "answers", done.event_id)
    if unsure is not None:
        return unsure
    if signed.kind not in _KINDS[done.activity]:
        return fails("answers", f"the answer to `{done.activity}` is a {signed.kind}", done.event_id)
    match signed.kind:
        case Kind.PROPOSAL:
            return _proposal(signed, done, material)
        case Kind.SETTLEMENT:
            return _settlement(signed, done, material)
    return _refusal(signed, done, material)


def standing(signed: Signed, kind: Kind, material: Material, check: str, event: int | None) -> Found | None:
    """None where a pinned gate signed *signed* as *kind*; else what is wrong with it, or missing."""
    try:
        opened(signed, kind, material.trust.gate)
    except SignatureError as error:
        try:
            kid = take_apart(signed.jws).kid
        except SignatureError:
            kid = ""
        if kid and material.trust.gate(kid) is None:
            return missing(check, f"this {kind} is signed by `{kid}`, which is not a gate you pin", event)
        return fails(check, f"this {kind} {error}", event)
    return None


def _proposal(signed: Signed, done: Completed, material: Material) -> Found | None:
    try:
        proposal = Proposal.model_validate(signed.body)
    except ValidationError:
        return fails("answers", "the gate signed a proposal that this version cannot read: update sayso", done.event_id)
    strange = [action.mission for action in proposal.actions if not material.ours(action.mission)]
    if strange:
        return _foreign("proposal", all(map(material.taken_over, strange)), done)
    trouble = proposal.evidence.trouble(material.record.chain[: done.event_id - 1])
    if trouble is not None:
        return fails("answers", f"this proposal's evidence {trouble}", done.event_id)
    if render(proposal).digest != proposal.card:
        return fails("answers", "the card of this proposal is not the one that its action gives", done.event_id)
    return None


def _refusal(signed: Signed, done: Completed, material: Material) -> Found | None:
    try:
        refusal = Refusal.model_validate(signed.body)
    except ValidationError:
        return fails("answers", "the gate signed a refusal that this version cannot read: update sayso", done.event_id)
    if refusal.mission is None or refusal.evidence is None:
        return missing(
            "answers", "this refusal names no mission run: an older gate signed it, for this one or another", done.event_id
        )
    if not material.ours(refusal.mission):
        return _foreign("refusal", material.taken_over(refusal.mission), done)
    trouble = refusal.evidence.trouble(material.record.chain[: done.event_id - 1])
    return fails("answers", f"this refusal's evidence {trouble}", done.event_id) if trouble else None


def _foreign(what: str, taken_over: bool, done: Completed) -> Found:
    if taken_over:
        return missing("answers", f"this {what} was made for the run that this one repeats", done.event_id)
    return fails("answers", f"this {what} was made for another mission run", done.event_id)


def _settlement(signed: Signed, done: Completed, material: Material) -> Found | None:
    try:
        settlement = Settlement.model_validate(signed.body)
    except ValidationError:
        return fails("answers", "the gate signed a settlement that this version cannot read: update sayso", done.event_id)
    if not material.ours(settlement.mission):
        return _foreign("settlement", material.taken_over(settlement.mission), done)
    trouble = settlement.head.trouble(material.record.chain[: done.event_id - 1])
    if trouble is not None:
        return fails("answers", f"the head of this settlement {trouble}", done.event_id)
    return None


def _signed(done: Completed) -> Signed | None:
    try:
        return Signed.model_validate(done.result) if done.result_size <= MAX_ANSWER else None
    except ValidationError:
        return None


def check_witnesses(material: Material) -> list[Found]:
    """Whether each read and each answer of a model is signed by the worker that gave it."""
    found: list[Found] = []
    count = 0
    for done in material.record.completed:
        if done.activity not in ASKED:
            continue
        count += 1
        if witness_of(done, material.record, material.trust) is None:
            found.append(_unwitnessed(done, material))
    return found or [holds("witnesses", f"signed by the worker that gave it: {of(count, 'result')}")]


def _unwitnessed(done: Completed, material: Material) -> Found:
    signature = done.result.get(SIGNATURE) if isinstance(done.result, dict) else None
    if {done.event_id, done.scheduled_event} & material.sealed_events:
        return missing("witnesses", f"the result of `{done.activity}`, or what was asked, is sealed", done.event_id)
    if not isinstance(signature, str):
        words = f"the result of `{done.activity}` is only claimed: no worker signed it"
        return missing("witnesses", words, done.event_id)
    try:
        kid = take_apart(signature).kid
    except SignatureError as error:
        return fails("witnesses", f"the signature under the result of `{done.activity}` {error}", done.event_id)
    if kid and material.trust.holder(kid) is None:
        words = f"the result of `{done.activity}` is signed by `{kid}`, which is not a service you pin"
        return missing("witnesses", words, done.event_id)
    if material.repeats and witness_of(done, replace(material.record, run_id=material.repeats), material.trust) is not None:
        return missing(
            "witnesses", f"the result of `{done.activity}` was signed in the run that this one repeats", done.event_id
        )
    return fails("witnesses", f"the result of `{done.activity}` is not what `{kid}` signed", done.event_id)
