"""Companies and what links contacts to them."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE crm.company (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        merged_into UUID,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX company_merchant ON crm.company (merchant, id)",
    "CREATE INDEX company_merged_into ON crm.company (merged_into) WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE crm.company_key (
        merchant TEXT NOT NULL,
        blind BYTEA NOT NULL,
        company_id UUID NOT NULL,
        stopped BOOLEAN DEFAULT false NOT NULL,
        beside BYTEA[],
        PRIMARY KEY (merchant, blind)
    )
    """,
    """
    CREATE TABLE crm.company_link (
        lead_id UUID NOT NULL,
        merchant TEXT NOT NULL,
        company_id UUID,
        evidence TEXT,
        keys BYTEA[] NOT NULL,
        domain BYTEA,
        PRIMARY KEY (lead_id)
    )
    """,
    "CREATE INDEX company_link_company_id ON crm.company_link (company_id) WHERE company_id IS NOT NULL",
    "CREATE INDEX company_link_domain ON crm.company_link (merchant, domain) WHERE domain IS NOT NULL",
    "CREATE INDEX company_link_keys ON crm.company_link USING gin (keys)",
    """
    CREATE TABLE crm.company_party (
        id UUID NOT NULL,
        merchant TEXT NOT NULL,
        company_id UUID,
        evidence TEXT,
        keys BYTEA[] NOT NULL,
        sealed BYTEA,
        PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX company_party_company_id ON crm.company_party (company_id) WHERE company_id IS NOT NULL",
    "CREATE INDEX company_party_keys ON crm.company_party USING gin (keys)",
)


def upgrade() -> None:
    """Companies and what links contacts to them."""
    for statement in STATEMENTS:
        op.get_bind().exec_driver_sql(statement)
