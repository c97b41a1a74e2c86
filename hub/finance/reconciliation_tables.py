"""Tables of reconciliation: what belongs to which contract, what does not agree, what people said."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, Date, Index, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from hub.database.metadata import identifier, instant, metadata, serial, text

# What a document may be tied to others by, as texts; `hub.reconciliation.books.link_keys` says the same.
LINKS = (
    "array_remove(ARRAY["
    "CASE WHEN entity IN ('contract', 'opportunity', 'receivable', 'invoice', 'receipt', 'order')"
    " THEN entity || ':' || number END,"
    " 'contract:' || contract_number,"
    " 'order:' || order_number,"
    " 'party:' || party_code,"
    " 'company:' || (facts ->> 'party_credit_code'),"
    " 'company:' || (facts ->> 'party_tax_number'),"
    " 'contract:' || (facts ->> 'amends_number'),"
    " 'opportunity:' || (facts ->> 'opportunity_number'),"
    " 'invoice:' || (facts ->> 'red_of'),"
    " 'invoice:' || (facts ->> 'invoice_number'),"
    " 'receivable:' || (facts ->> 'receivable_number'),"
    " 'receivable:' || (facts ->> 'request_number'),"
    " 'contract:' || (facts ->> 'request_number'),"
    " 'order:' || (facts ->> 'request_number'),"
    " 'receipt:' || (facts ->> 'receipt_number'),"
    " 'flow:' || (facts ->> 'flow_id')"
    " ] || string_to_array('contract:' || regexp_replace(contract_number,"
    " '\\s*[,，、;；]\\s*', ',contract:', 'g'), ','),"
    " NULL)"
)

# One row per share that a document has in a contract: `rule` matched it by `reference`.
match = Table(
    "match",
    metadata,
    identifier("document_id", primary_key=True),
    Column("ordinal", SmallInteger, primary_key=True),
    text("merchant"),
    text("contract_number"),
    text("entity"),
    Column("on_date", Date),
    Column("amount_fen", BigInteger, nullable=False),
    text("rule"),
    text("reference", nullable=True),
    Column("differences", JSONB),
    Index("match_contract", "merchant", "contract_number"),
    schema="finance",
)

# Something that does not agree. `id` is a digest of what it is about; `facts_hash` of what it says.
break_ = Table(
    "break",
    metadata,
    text("id", primary_key=True),
    text("merchant"),
    text("kind"),
    text("state"),
    identifier("document_id"),
    text("entity"),
    text("number", nullable=True),
    text("contract_number", nullable=True),
    identifier("contract_id", nullable=True),
    text("source_key"),
    Column("amount_fen", BigInteger),
    text("currency", nullable=True),
    text("period", nullable=True),
    Column("facts_hash", BYTEA, nullable=False),
    Column("detail", JSONB, nullable=False),
    instant("first_seen"),
    instant("changed_at"),
    text("closed_by", nullable=True),
    text("close_reason", nullable=True),
    Index("break_state", "merchant", "state"),
    Index("break_document", "document_id"),
    Index("break_contract", "merchant", "contract_number"),
    schema="finance",
)

# The history of breaks; appended, never changed.
break_event = Table(
    "break_event",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("break_id"),
    text("event"),
    instant("happened_at"),
    text("by", nullable=True),
    text("reason", nullable=True),
    Column("amount_fen", BigInteger),
    Index("break_event_break", "break_id"),
    schema="finance",
)

# What a person is asked: to which contracts a document belongs.
question = Table(
    "question",
    metadata,
    text("id", primary_key=True),
    text("merchant"),
    text("state"),
    identifier("document_id"),
    text("entity"),
    text("number", nullable=True),
    Column("on_date", Date),
    Column("amount_fen", BigInteger),
    text("currency", nullable=True),
    text("reason"),
    Column("candidates", JSONB, nullable=False),
    instant("first_seen"),
    instant("changed_at"),
    Index("question_state", "merchant", "state"),
    Index("question_document", "document_id"),
    schema="finance",
)

# What people answered; appended, the newest row of a document holds. No contract: it belongs to none.
answer = Table(
    "answer",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    identifier("document_id"),
    Column("contracts", ARRAY(Text), nullable=False),
    text("answered_by"),
    text("reason"),
    instant("answered_at"),
    Index("answer_document", "document_id"),
    schema="finance",
)

# Documents about which something will be late on a day, if nothing comes until then: looked at again that day.
wait = Table(
    "wait",
    metadata,
    identifier("document_id", primary_key=True),
    text("merchant"),
    Column("late_on", Date, nullable=False),
    Index("wait_day", "merchant", "late_on"),
    schema="finance",
)

# One row per run; the newest says what the figures are as of, and which days have passed since.
reconciliation = Table(
    "reconciliation",
    metadata,
    serial("id", primary_key=True),
    text("merchant"),
    text("mode"),
    Column("day", Date, nullable=False),
    text("rules_version"),
    instant("finished_at"),
    Column("documents", BigInteger, nullable=False),
    Column("counts", JSONB, nullable=False),
    Index("reconciliation_merchant", "merchant", "id"),
    schema="finance",
)
