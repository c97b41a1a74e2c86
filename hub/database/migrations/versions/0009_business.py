"""Business documents and their revisions."""

from alembic import op

revision = "0009"
down_revision = "0008"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE finance.document (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        number TEXT,
        kind TEXT,
        state TEXT,
        on_date DATE,
        amount_fen BIGINT,
        currency TEXT,
        contract_number TEXT,
        order_number TEXT,
        party_code TEXT,
        party BYTEA[],
        keys BYTEA[],
        facts JSONB NOT NULL,
        marks TEXT[],
        first_record_id UUID NOT NULL,
        received_at TIMESTAMP WITH TIME ZONE NOT NULL,
        loaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        mapping_version TEXT NOT NULL,
        revisions UUID[] NOT NULL,
        content_hash BYTEA NOT NULL,
        sealed BYTEA,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX document_entity ON finance.document (merchant, entity)",
    "CREATE INDEX document_contract ON finance.document (merchant, contract_number)",
    "CREATE INDEX document_number ON finance.document (merchant, entity, number)",
    """
    CREATE TABLE finance.document_revision (
        record_id UUID NOT NULL,
        ordinal SMALLINT NOT NULL,
        document_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        source_key TEXT NOT NULL,
        entity TEXT NOT NULL,
        outcome TEXT NOT NULL,
        rank BYTEA NOT NULL,
        mode TEXT NOT NULL,
        stream TEXT NOT NULL,
        mapping_version TEXT NOT NULL,
        content_hash BYTEA NOT NULL,
        sealed BYTEA NOT NULL,
        PRIMARY KEY (record_id, ordinal)
    )
    """,
    "CREATE INDEX document_revision_document ON finance.document_revision (document_id)",
    """
    CREATE TABLE finance.change (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        merchant TEXT NOT NULL,
        entity TEXT NOT NULL,
        document_id UUID NOT NULL,
        PRIMARY KEY (id)
    )
    """,
)


def upgrade() -> None:
    """Room for contracts, money and opportunities."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
