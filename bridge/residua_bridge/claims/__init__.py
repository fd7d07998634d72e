"""The claims of the four source documents: who judges them, by which evidence, and the ledger of all verdicts."""

from residua_bridge.claims.evidence import Evidence, Look, MissingEvidenceError
from residua_bridge.claims.judging import all_judges, judge
from residua_bridge.claims.ledger import Record, claims_section, ledger
from residua_bridge.claims.register import Claim, Document, claims_named, documents, register
from residua_bridge.claims.ruling import DECIDED, WORDS, Ruling, Word

__all__ = [
    "DECIDED",
    "WORDS",
    "Claim",
    "Document",
    "Evidence",
    "Look",
    "MissingEvidenceError",
    "Record",
    "Ruling",
    "Word",
    "all_judges",
    "claims_named",
    "claims_section",
    "documents",
    "judge",
    "ledger",
    "register",
]
