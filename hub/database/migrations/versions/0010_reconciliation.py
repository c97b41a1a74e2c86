"""Matches, breaks and questions of reconciliation."""

from alembic import op

revision = "0010"
down_revision = "0009"

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
    " ] || string_to_array('contract:' || regexp_replace(contract_number, '\\s*[,，、;；]\\s*', ',contract:', 'g'), ','),"
    " NULL)"
)

STATEMENTS: tuple[str, ...] = (
    f"ALTER TABLE finance.document ADD COLUMN links TEXT[] GENERATED ALWAYS AS ({LINKS}) STORED",
    "CREATE INDEX document_links ON finance.document USING gin (links) WITH (fastupdate = off)",
    "CREATE INDEX document_party ON finance.document USING gin (party) WITH (fastupdate = off)",
    "ALTER TABLE finance.change ADD COLUMN links TEXT[]",
    "ALTER TABLE finance.change ADD COLUMN party BYTEA[]",
    """
    CREATE TABLE finance.match (
        document_id UUID NOT NULL,
        ordinal SMALLINT NOT NULL,
        merchant TEXT NOT NULL,
        contract_number TEXT NOT NULL,
        entity TEXT NOT NULL,
        on_date DATE,
        amount_fen BIGINT NOT NULL,
        rule TEXT NOT NULL,
        reference TEXT,
        differences JSONB,
        PRIMARY KEY (document_id, ordinal)
    )
    """,
    "CREATE INDEX match_contract ON finance.match (merchant, contract_number)",
    """
    CREATE TABLE finance.break (
        id TEXT NOT NULL,
        merchant TEXT NOT NULL,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        document_id UUID NOT NULL,
        entity TEXT NOT NULL,
        number TEXT,
        contract_number TEXT,
        contract_id UUID,
        source_key TEXT NOT NULL,
        amount_fen BIGINT,
        currency TEXT,
        period TEXT,
        facts_hash BYTEA NOT NULL,
        detail JSONB NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        closed_by TEXT,
        close_reason TEXT,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX break_state ON finance.break (merchant, state)",
    "CREATE INDEX break_document ON finance.break (document_id)",
    "CREATE INDEX break_contract ON finance.break (merchant, contract_number)",
    """
    CREATE TABLE finance.break_event (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        break_id TEXT NOT NULL,
        event TEXT NOT NULL,
        happened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        by TEXT,
        reason TEXT,
        amount_fen BIGINT,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX break_event_break ON finance.break_event (break_id)",
    """
    CREATE TABLE finance.question (
        id TEXT NOT NULL,
        merchant TEXT NOT NULL,
        state TEXT NOT NULL,
        document_id UUID NOT NULL,
        entity TEXT NOT NULL,
        number TEXT,
        on_date DATE,
        amount_fen BIGINT,
        currency TEXT,
        reason TEXT NOT NULL,
        candidates JSONB NOT NULL,
        first_seen TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX question_state ON finance.question (merchant, state)",
    "CREATE INDEX question_document ON finance.question (document_id)",
    """
    CREATE TABLE finance.answer (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        document_id UUID NOT NULL,
        contracts TEXT[] NOT NULL,
        answered_by TEXT NOT NULL,
        reason TEXT NOT NULL,
        answered_at TIMESTAMP WITH TIME ZONE NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX answer_document ON finance.answer (document_id)",
    """
    CREATE TABLE finance.wait (
        document_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        late_on DATE NOT NULL,
        PRIMARY KEY (document_id)
    )
    """,
    "CREATE INDEX wait_day ON finance.wait (merchant, late_on)",
    """
    CREATE TABLE finance.reconciliation (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        mode TEXT NOT NULL,
        day DATE NOT NULL,
        rules_version TEXT NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
        documents BIGINT NOT NULL,
        counts JSONB NOT NULL,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX reconciliation_merchant ON finance.reconciliation (merchant, id)",
)


def upgrade() -> None:
    """Matches, breaks and questions of reconciliation."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
