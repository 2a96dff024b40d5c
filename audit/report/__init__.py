"""
The report of an archive: one page that a person reads to see what a mission wanted, who decided it, and what was done.

Theory of operation. `compose` turns what a verification examined into a `Report`: typed data that says of everything how sure
it is. `page` prints that through templates which are handed in. No module here reads a clock or a file: the same archive, the
same pins and the same moment give the same page.

Three kinds of text are kept apart. Ours is plain. `Shown` was made safe before, by the card. All else is the archive's, hostile
until shown otherwise: `page` passes every such value through `approvals.display.visible`, and then through HTML's escaping.
What a pinned gate signed is shown whole; what anybody could have written is bounded, and a line says how much more there is.

Source: docs/decisions/0018-report.md
"""
