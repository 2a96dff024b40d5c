"""
Verifying an archive, with no server and no network: every digest from the bytes, every signature against pinned keys, every
decision against its requirement at the head the gate signed.

Theory of operation. `material` opens an archive; each module here holds checks of one kind, each a function from the
material to what it found; `verify` runs them all and sums up. A finding HOLDS, FAILS or is MISSING. One that fails makes the
whole FAILED; else one that is missing makes it INCOMPLETE; else it is VERIFIED. Keys in an archive are hints: only keys of
the verifier's own trust file count, and what they do not reach is missing, never good.

Source: docs/audit-format.md, docs/decisions/0017-verification.md
"""
