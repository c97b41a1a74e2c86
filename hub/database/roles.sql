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
                                           ('profile_delta', 'body'))
        GROUP BY 1, 2
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %I.%I TO hub_readonly', one.columns, one.nspname, one.relname);
    END LOOP;
END $$;
COMMIT;
