-- What people's roles may read. Run by the owner of the hub's tables (`hub roles apply`), as often as you like.
-- The two roles are made before, by whoever may make roles: see CREATE ROLE in docs/roles.md.

BEGIN;
DROP SCHEMA IF EXISTS analyst CASCADE;
CREATE SCHEMA analyst;

-- The rules of whoever asks. A rule for a group counts for its members. It is a function of the owner, since
-- who asks may not read the rules; `session_user` would be the login behind a SET ROLE, `current_user` the owner.
CREATE FUNCTION analyst.my_rules() RETURNS SETOF ops.row_rule
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.* FROM ops.row_rule r JOIN pg_catalog.pg_roles g ON g.rolname = r.role_name
    WHERE pg_catalog.pg_has_role(session_user, g.oid, 'member')
$$;
REVOKE ALL ON FUNCTION analyst.my_rules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyst.my_rules() TO hub_analyst;

-- Columns that name nobody. `security_barrier`: a function in somebody's WHERE sees only rows that they may see.
CREATE VIEW analyst.lead WITH (security_barrier) AS
SELECT l.id, l.merchant, l.source_key, l.entity, l.contact_id, l.submitted_at, l.received_at, l.loaded_at,
       l.mapping_version, l.intent, l.province_code, l.city_code, l.product_interest, l.campaign_id,
       l.utm_source, l.utm_medium, l.utm_campaign, l.utm_term, l.utm_content, l.utm_id, l.marks
FROM crm.lead l
WHERE EXISTS (
    SELECT FROM analyst.my_rules() r WHERE r.merchant = l.merchant
    AND r.source_key IN ('', l.source_key) AND r.province_code IN ('', l.province_code));

CREATE VIEW analyst.contact WITH (security_barrier) AS
SELECT l.contact_id AS id, l.merchant, count(*) AS leads, min(l.received_at) AS first_lead_at,
       max(l.received_at) AS last_lead_at, max(l.intent) AS highest_intent
FROM analyst.lead l GROUP BY l.contact_id, l.merchant;

CREATE VIEW analyst.touchpoint WITH (security_barrier) AS
SELECT t.lead_id, t.ordinal, t.slot, t.merchant, t.kind, t.occurred_at, t.campaign_id,
       t.utm_source, t.utm_medium, t.utm_campaign
FROM crm.touchpoint t JOIN crm.lead f ON f.id = t.lead_id AND f.first_record_id = t.record_id
JOIN analyst.lead l ON l.id = t.lead_id;

CREATE VIEW analyst.campaign WITH (security_barrier) AS
SELECT l.merchant, l.source_key, l.campaign_id, l.utm_source, l.utm_medium, l.utm_campaign, l.utm_id,
       count(*) AS leads, min(l.received_at) AS first_lead_at, max(l.received_at) AS last_lead_at
FROM analyst.lead l
GROUP BY l.merchant, l.source_key, l.campaign_id, l.utm_source, l.utm_medium, l.utm_campaign, l.utm_id;

-- The books. A document has no province, so a rule for one shows none; of its facts only what no two merchants could
-- be joined by. Figures are a merchant's, so a rule for one source shows none of them.
CREATE VIEW analyst.document WITH (security_barrier) AS
SELECT d.id, d.merchant, d.source_key, d.entity, d.number, d.kind, d.state, d.on_date, d.amount_fen, d.currency,
       d.contract_number, d.order_number, d.party_code, d.facts ->> 'state_raw' AS state_raw,
       d.facts ->> 'opportunity_number' AS opportunity_number, d.facts ->> 'invoice_number' AS invoice_number,
       d.facts ->> 'receipt_number' AS receipt_number, d.facts ->> 'receivable_number' AS receivable_number,
       d.facts ->> 'parent_number' AS parent_number, d.facts ->> 'amends_number' AS amends_number,
       d.facts ->> 'red_of' AS red_of, d.facts ->> 'flow_id' AS flow_id,
       (d.facts ->> 'is_sealed')::bool AS is_sealed,
       (d.facts ? 'scan_hash' OR coalesce(d.facts -> 'withheld' ? 'scan_ref', false)) AS has_scan,
       d.facts ->> 'expected_sign_on' AS expected_sign_on, d.facts ->> 'expected_receipt_on' AS expected_receipt_on,
       d.facts ->> 'due_on' AS due_on, d.facts ->> 'decided_at' AS decided_at, d.facts ->> 'signed_at' AS signed_at,
       (d.facts ->> 'tax_fen')::int8 AS tax_fen, (d.facts ->> 'fee_fen')::int8 AS fee_fen,
       (d.facts ->> 'written_off_fen')::int8 AS written_off_fen, (d.facts ->> 'planned_fen')::int8 AS planned_fen,
       (d.facts ->> 'impressions')::int8 AS impressions, (d.facts ->> 'clicks')::int8 AS clicks,
       d.facts ->> 'utm_campaign' AS utm_campaign, d.facts ->> 'campaign_id' AS campaign_id,
       d.facts ->> 'channel' AS channel, d.facts ->> 'creative_id' AS creative_id,
       d.facts ->> 'stage_from' AS stage_from, d.facts ->> 'stage_to' AS stage_to, d.facts ->> 'period' AS period,
       d.marks, d.received_at, d.loaded_at, d.mapping_version
FROM finance.document d
WHERE EXISTS (
    SELECT FROM analyst.my_rules() r WHERE r.merchant = d.merchant
    AND r.source_key IN ('', d.source_key) AND r.province_code = '');

CREATE VIEW analyst.match WITH (security_barrier) AS
SELECT m.document_id, m.ordinal, m.merchant, m.contract_number, m.entity, m.on_date, m.amount_fen, m.rule
FROM finance.match m JOIN analyst.document d ON d.id = m.document_id;

CREATE VIEW analyst.break WITH (security_barrier) AS
SELECT b.id, b.merchant, b.kind, b.state, b.document_id, b.entity, b.number, b.contract_number, b.source_key,
       b.amount_fen, b.currency, b.period, b.first_seen, b.changed_at
FROM finance.break b
WHERE EXISTS (
    SELECT FROM analyst.my_rules() r WHERE r.merchant = b.merchant
    AND r.source_key IN ('', b.source_key) AND r.province_code = '');

CREATE VIEW analyst.my_merchant WITH (security_barrier) AS
SELECT DISTINCT r.merchant FROM analyst.my_rules() r WHERE r.source_key = '' AND r.province_code = '';

CREATE VIEW analyst.metric WITH (security_barrier) AS
SELECT v.merchant, v.metric, v.period, v.version, v.amount_fen, v.documents, v.computed_at
FROM finance.metric_value v JOIN analyst.my_merchant USING (merchant);

CREATE VIEW analyst.gate WITH (security_barrier) AS
SELECT g.merchant, g.metric, g.period, g.hour, g.version, g.numerator_fen, g.denominator_fen, g.residual_fen, g.unknown
FROM finance.gate_reading g JOIN analyst.my_merchant USING (merchant);

CREATE VIEW analyst.share WITH (security_barrier) AS
SELECT s.merchant, s.contract_number, s.model, s.ordinal, s.channel, s.campaign, s.creative, s.fen, s.received_fen
FROM finance.share s JOIN analyst.my_merchant USING (merchant);

GRANT USAGE ON SCHEMA analyst TO hub_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO hub_analyst;

-- Support: every column but sealed values, keys and digests (all of them bytea), secrets, and what repeats a key.
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT nspname FROM pg_namespace
        WHERE nspname IN ('inbox', 'registry', 'crm', 'finance', 'alerts', 'ops')
    LOOP
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM hub_readonly, hub_analyst', one.nspname);
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM hub_analyst', one.nspname);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO hub_readonly', one.nspname);
    END LOOP;
    FOR one IN
        SELECT n.nspname, c.relname, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('inbox', 'registry', 'crm', 'finance', 'alerts', 'ops') AND c.relkind IN ('r', 'p')
        AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid NOT IN ('bytea'::regtype, 'bytea[]'::regtype)
        AND n.nspname || '.' || c.relname NOT IN ('ops.token', 'ops.authorization_state')
        AND (c.relname, a.attname) NOT IN (('decision', 'body'), ('profile', 'baseline'), ('profile', 'recent'),
                                           ('profile_delta', 'body'), ('document', 'links'), ('change', 'links'))
        GROUP BY 1, 2
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %I.%I TO hub_readonly', one.columns, one.nspname, one.relname);
    END LOOP;
END $$;
COMMIT;
