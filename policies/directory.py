"""The approver directory: people, their groups and keys, services, and the gates' keys. A signal names nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from policies.canonical import Digest, digest
from policies.keys import PublicKey
from policies.model import Written


class Person(Written):
    """Somebody who may own missions or decide."""

    name: str
    groups: tuple[str, ...] = ()
    keys: tuple[PublicKey, ...] = ()
    principals: tuple[str, ...] = ()
    """`type:name` of Temporal principals that are this person, for attested decisions."""
    subjects: tuple[str, ...] = ()
    """`sub` claims of this person at the directory's OIDC issuer; each is a principal as `principal_type:subject`."""


class Service(Written):
    """A process. It never decides, and owns no missions."""

    name: str
    keys: tuple[PublicKey, ...] = ()
    signs: tuple[Literal["read", "reason", "export"], ...] = ()
    """What it may testify to: reads, what a model answered, or what a mission's history was when it was exported."""


class Oidc(Written):
    """Where people sign in, and what the Temporal server calls whom it knows from there."""

    issuer: str = Field(min_length=1)
    """The `iss` claim. Which issuers a Temporal server believes is set there; this says whose subjects are listed here."""
    principal_type: str = Field(pattern="^[^:]+$")
    """The type of the principals that the server stamps for people of this issuer."""


class Directory(Written):
    """Everyone the gate can name. Key ids are unique across people, services and gates."""

    groups: tuple[str, ...]
    people: dict[str, Person]
    services: dict[str, Service] = Field(default_factory=dict)
    oidc: Oidc | None = None
    gates: tuple[PublicKey, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> Directory:
        for person_id, person in self.people.items():
            unknown = sorted(set(person.groups) - set(self.groups))
            if unknown:
                raise ValueError(f"`{person_id}` is in group `{unknown[0]}`, which is not listed under `groups`")
        both = sorted(self.people.keys() & self.services.keys())
        if both:
            raise ValueError(f"`{both[0]}` is both a person and a service")
        self._unique("key id", [key.kid for key in self._keys()])
        dated = [key.kid for key in self.gates if key.not_after is not None or "not_before" in key.model_fields_set]
        if dated:
            # What a gate signed is read for as long as its missions live; only revocation ends that.
            raise ValueError(f"gate key `{dated[0]}` has dates; a gate key is good until it is `revoked`")
        # The same key under two names would let one person fill two rules.
        self._unique("key", [key.x for key in self._keys()])
        subjects = [subject for person in self.people.values() for subject in person.subjects]
        if subjects and self.oidc is None:
            raise ValueError(f"subject `{subjects[0]}` has no meaning without `oidc`, which names its issuer")
        if not all(subjects):
            raise ValueError("a subject is empty")
        self._unique("principal", [p for person in self.people.values() for p in self.principals_of(person)])
        return self

    @cached_property
    def digest(self) -> Digest:
        """Covers everyone and everything in it."""
        return digest("directory", self.model_dump(mode="json"))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """As pydantic's, but a changed copy has a digest of its own: what was computed of this one is not copied."""
        found = super().model_copy(update=update, deep=deep)
        if update:
            vars(found).pop("digest", None)
        return found

    @staticmethod
    def _unique(what: str, values: list[str]) -> None:
        twice = [value for value, count in Counter(values).items() if count > 1]
        if twice:
            raise ValueError(f"{what} `{twice[0]}` is listed twice")

    def _keys(self) -> list[PublicKey]:
        holders: list[Person | Service] = [*self.people.values(), *self.services.values()]
        return [*self.gates, *(key for holder in holders for key in holder.keys)]

    def holder(self, kid: str) -> tuple[str, PublicKey] | None:
        """Who (person or service id) holds key *kid*, and the key."""
        holders: dict[str, Person | Service] = {**self.people, **self.services}
        for who, entry in holders.items():
            for key in entry.keys:
                if key.kid == kid:
                    return who, key
        return None

    def gate(self, kid: str) -> PublicKey | None:
        """The gate key *kid*, or None when it is not pinned here."""
        return next((key for key in self.gates if key.kid == kid), None)

    def person_of(self, principal: str) -> str | None:
        """The person whom the Temporal principal `type:name` is, or None."""
        return next((who for who, person in self.people.items() if principal in self.principals_of(person)), None)

    def principals_of(self, person: Person) -> tuple[str, ...]:
        """Every Temporal principal `type:name` that is *person*: those listed, and one for each subject."""
        if self.oidc is None:
            return person.principals
        return (*person.principals, *(f"{self.oidc.principal_type}:{subject}" for subject in person.subjects))
