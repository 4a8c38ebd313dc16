"""The report of a chaos run: for the terminal, for programs, and as a page for the browser.

All three say the same. They read the records and the verdict, and compute nothing that the checker
should: whether a promise was broken is the verdict's word alone.
"""

from chaos.report.document import document
from chaos.report.page import page
from chaos.report.terminal import show

__all__ = ["document", "page", "show"]
