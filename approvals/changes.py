"""What changes between two bundles: answers to scenarios, policies, integrations and operations, who is who, models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from approvals.expectation import outcome
from approvals.jws import Signer
from approvals.rehearsal import play, set_stage
from policies.bundle import Bundle
from policies.keys import PublicKey
from policies.model import Recorded
from policies.routes import Limits, Route
from policies.scenario import Scenario
from policies.source import sources


class Change(Recorded):
    """One thing that is not what it was. `old` is None for what was added, `new` for what was removed."""

    kind: str
    """`scenario`, `policy`, `integration`, `operation`, `person`, `service`, `gate`, `sign-in` or `route`."""
    name: str
    what: str
    """Which part of it: `ruling`, `resolution`, `scope`; empty for the whole."""
    old: str | None
    new: str | None


def changes(old: Bundle, new: Bundle, make_key: Callable[[str], Signer]) -> tuple[Change, ...]:
    """Everything that differs in what the bundles answer and in what they hold, in that order."""
    return (
        *_answers(old, new, make_key),
        *_rewritten(old, new),
        *_compared("integration", _servers(old), _servers(new)),
        *_compared("operation", _operations(old), _operations(new)),
        *_compared("person", _people(old), _people(new)),
        *_compared("service", _services(old), _services(new)),
        *_compared("gate", _gates(old), _gates(new)),
        *_compared("sign-in", _sign_in(old), _sign_in(new)),
        *_compared("route", _routes(old), _routes(new)),
    )


def _answers(old: Bundle, new: Bundle, make_key: Callable[[str], Signer]) -> Iterator[Change]:
    before, after = set_stage(old, make_key), set_stage(new, make_key)
    for name, scenario in _united(old, new):
        was, now = outcome(play(scenario, before)), outcome(play(scenario, after))
        for what in dict.fromkeys((*was, *now)):
            if was.get(what) != now.get(what):
                yield Change(kind="scenario", name=name, what=what, old=was.get(what), new=now.get(what))


def _united(old: Bundle, new: Bundle) -> Iterator[tuple[str, Scenario]]:
    """The scenarios of both, once each. One name that asks two things is asked both ways."""
    questions = {scenario.name: _asked(scenario) for scenario in new.scenarios}
    yield from ((scenario.name, scenario) for scenario in new.scenarios)
    for scenario in old.scenarios:
        if scenario.name not in questions:
            yield scenario.name, scenario
        elif questions[scenario.name] != _asked(scenario):
            yield f"{scenario.name} (as the old bundle has it)", scenario


def _asked(scenario: Scenario) -> dict[str, Any]:
    return scenario.model_dump(exclude={"expect"})


Parts = Mapping[str, Mapping[str, str]]
"""Name, then part, then its words."""


def _compared(kind: str, old: Parts, new: Parts) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            yield Change(kind=kind, name=name, what="", old=_whole(was), new=_whole(now))
            continue
        for what in dict.fromkeys((*was, *now)):
            if was.get(what) != now.get(what):
                yield Change(kind=kind, name=name, what=what, old=was.get(what), new=now.get(what))


def _whole(parts: Mapping[str, str] | None) -> str | None:
    return None if parts is None else ", ".join(f"{what}: {words}" for what, words in parts.items() if words)


def _rewritten(old: Bundle, new: Bundle) -> Iterator[Change]:
    """Policies by what Cedar reads, so that layout and comments are no change; their text is what a person is shown."""
    was, now = ({policy.name: policy for policy in sources(bundle.rulebook.text)} for bundle in (old, new))
    for name in sorted(was.keys() | now.keys()):
        before, after = was.get(name), now.get(name)
        if before is None or after is None or before.meaning != after.meaning:
            texts = (before.text if before else None), (after.text if after else None)
            yield Change(kind="policy", name=name, what="", old=texts[0], new=texts[1])


def _servers(bundle: Bundle) -> Parts:
    issuer = {"the token issuer": {"url": bundle.catalogue.issuer}}
    listed = bundle.catalogue.classes
    classes = {"the data classes": {"listed": ", ".join(listed)}} if listed else {}
    return (
        issuer
        | classes
        | {
            name: {
                "url": entry.url,
                "transport": entry.transport,
                "resource": entry.resource,
                "describe_scope": entry.describe_scope or "",
            }
            for name, entry in bundle.catalogue.integrations.items()
        }
    )


def _operations(bundle: Bundle) -> Parts:
    return {
        f"{name}.{tool}": {
            "effect": str(operation.effect),
            "scope": operation.scope or "",
            "contract": operation.contract,
            "idempotency": operation.idempotency.model_dump_json() if operation.idempotency else "",
            "classes": ", ".join(f"{path} is {data_class}" for path, data_class in operation.classes.items()),
        }
        for name, integration in bundle.catalogue.integrations.items()
        for tool, operation in integration.operations.items()
    }


def _people(bundle: Bundle) -> Parts:
    return {
        who: {
            "name": person.name,
            "groups": ", ".join(person.groups),
            "keys": _keys(person.keys),
            "principals": ", ".join(person.principals),
            "subjects": ", ".join(person.subjects),
        }
        for who, person in bundle.directory.people.items()
    }


def _services(bundle: Bundle) -> Parts:
    services = bundle.directory.services.items()
    return {who: {"name": e.name, "keys": _keys(e.keys), "signs": ", ".join(e.signs)} for who, e in services}


def _gates(bundle: Bundle) -> Parts:
    return {key.kid: {"key": _keys([key])} for key in bundle.directory.gates}


def _sign_in(bundle: Bundle) -> Parts:
    oidc = bundle.directory.oidc
    return {} if oidc is None else {"oidc": {"issuer": oidc.issuer, "principal_type": oidc.principal_type}}


def _routes(bundle: Bundle) -> Parts:
    models = bundle.models
    stated = {"perimeter": models.perimeter if models.perimeter == "closed" else "", "currency": models.currency}
    whole = {"all models": stated} if any(stated.values()) else {}
    return whole | {purpose: _choices(route) for purpose, route in models.routes.items()}


def _choices(route: Route) -> dict[str, str]:
    """The first model's parts as they are called, those of fallbacks by their number."""
    parts: dict[str, str] = {}
    for number, choice in enumerate(route.choices):
        said = {
            "model": choice.model,
            "endpoint": choice.endpoint or "",
            "perimeter": choice.perimeter,
            "allows": ", ".join(choice.allows),
            "limits": choice.limits.model_dump_json(exclude_defaults=True) if choice.limits != Limits() else "",
            "prices": choice.prices.model_dump_json() if choice.prices else "",
        }
        parts |= {f"fallback {number} {what}" if number else what: words for what, words in said.items()}
    return parts


def _keys(keys: Iterable[PublicKey]) -> str:
    return ", ".join(key.model_dump_json(exclude_defaults=True) for key in keys)
