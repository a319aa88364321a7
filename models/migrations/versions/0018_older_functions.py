"""older functions of the owner's: each answers only the part of the system it was made for

Revision: 0018
Revises: 0017
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# Names of everybody near a case and of the relatives they have declared: for what compares them with who is alleged,
# as the function that gives the alleged. To whoever announces a person it gives nothing.
PEOPLE_NEAR = """
CREATE OR REPLACE FUNCTION people_near(of_case uuid, places uuid[], besides uuid[], at_instant timestamptz)
RETURNS TABLE (person_id uuid, full_name text, roles text[], units uuid[], offices text[], relatives json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE place AS (
        SELECT unnest(places) AS unit_id
        UNION
        SELECT r.receiver_unit_id FROM case_report c JOIN report r ON r.id = c.report_id
        WHERE c.case_id = of_case AND c.until IS NULL
    ), up AS (
        SELECT unit_id FROM place
        UNION
        SELECT p.parent_id FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
        WHERE p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), down AS (
        SELECT place.unit_id FROM place JOIN unit u ON u.id = place.unit_id WHERE u.kind = 'commune'
        UNION
        SELECT p.unit_id FROM down JOIN unit_parent p ON p.parent_id = down.unit_id
        WHERE p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), near AS (
        SELECT unit_id FROM up UNION SELECT unit_id FROM down
        UNION SELECT u.id FROM unit u WHERE u.kind = 'hotline'
    ), post AS (
        SELECT p.person_id, p.role, p.unit_id, u.name_vi AS office, above.parent_id
        FROM position p JOIN unit u ON u.id = p.unit_id
        LEFT JOIN unit_parent above ON above.unit_id = u.id AND above.valid_from <= at_instant
                                   AND (above.valid_to IS NULL OR above.valid_to > at_instant)
        WHERE p.unit_id IN (SELECT near.unit_id FROM near)
          AND p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), deputy_or_named AS (
        SELECT unnest(besides) AS person_id
        UNION
        SELECT d.deputy_id AS person_id FROM deputy d WHERE d.unit_id IN (SELECT near.unit_id FROM near)
          AND d.valid_from <= at_instant AND (d.valid_to IS NULL OR d.valid_to > at_instant)
        UNION
        SELECT g.person_id FROM delegate g WHERE g.case_id = of_case AND g.until IS NULL
    ), everybody AS (
        SELECT post.person_id, array_agg(DISTINCT post.role::text) AS roles,
               array_remove(array_agg(DISTINCT post.unit_id) || array_agg(DISTINCT post.parent_id), NULL) AS units,
               array_agg(DISTINCT post.office::text) AS offices
        FROM post GROUP BY post.person_id
        UNION ALL
        SELECT deputy_or_named.person_id, '{}', '{}', '{}' FROM deputy_or_named
        WHERE NOT EXISTS (SELECT FROM post WHERE post.person_id = deputy_or_named.person_id)
    )
    SELECT e.person_id, n.full_name::text, e.roles, e.units, e.offices,
           (SELECT json_agg(json_build_array(r.id, r.name, r.relation, r.birth_year) ORDER BY r.id)
              FROM relative r WHERE r.person_id = e.person_id AND (r.until IS NULL OR r.until > at_instant))
    FROM everybody e JOIN person n ON n.id = e.person_id
    WHERE current_setting('annhi.system', true) = ANY ('{intake,screening,worker}')
    ORDER BY e.person_id
$$
"""
# A case that an act does not move is none of its cases: naming it with the places it has wrote an event into it, by
# whatever act there had ever been.
CASES_FOLLOW = """
CREATE OR REPLACE FUNCTION cases_follow(the_act uuid, moves jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act unit_change;
    move record;
    held case_file;
    states jsonb;
    taken integer := 0;
    who record;
BEGIN
    SELECT * INTO STRICT act FROM unit_change WHERE act_id = the_act LIMIT 1;
    SELECT p.id AS position_id, p.role INTO who FROM position p
     WHERE p.id = nullif(current_setting('annhi.position', true), '')::uuid AND p.person_id = act.made_by;
    FOR move IN
        SELECT * FROM jsonb_to_recordset(moves)
            AS m(case_id uuid, unit_id uuid, incident_unit_id uuid, residence_unit_id uuid)
        ORDER BY case_id
    LOOP
        SELECT * INTO STRICT held FROM case_file WHERE id = move.case_id FOR UPDATE;
        IF (held.unit_id, held.incident_unit_id, held.residence_unit_id)
                IS NOT DISTINCT FROM (move.unit_id, move.incident_unit_id, move.residence_unit_id)
           OR NOT (follows(the_act, held.unit_id, move.unit_id)
                AND follows(the_act, held.incident_unit_id, move.incident_unit_id)
                AND follows(the_act, held.residence_unit_id, move.residence_unit_id)) THEN
            RAISE EXCEPTION 'a case moved while its unit was changed' USING ERRCODE = 'lock_not_available';
        END IF;
        states := jsonb_build_object('process', held.process, 'protection', held.protection, 'ban', held.ban,
                                     'custody', held.custody);
        UPDATE case_file SET unit_id = move.unit_id, incident_unit_id = move.incident_unit_id,
            residence_unit_id = move.residence_unit_id, sequence = held.sequence + 1, updated_at = act.at
        WHERE id = held.id;
        INSERT INTO case_event (id, case_id, sequence, command_id, event, implied, before, after, actor_id, position_id,
                                role, occurred_at, recorded_at, documents, facts, protocol_version)
        VALUES (gen_random_uuid(), held.id, held.sequence + 1, the_act, 'follow_unit', '[]', states, states, act.made_by,
                who.position_id, coalesce(who.role, 'SYSTEM'), act.at, act.at, '[]',
                jsonb_strip_nulls(jsonb_build_object('act', the_act, 'from_unit', held.unit_id, 'to_unit', move.unit_id)),
                held.protocol_version);
        INSERT INTO audit_entry (id, at, actor_id, position_id, role, action, record, record_id, case_id, command_id,
                                 outcome, detail, chain_seq)
        VALUES (gen_random_uuid(), act.at, act.made_by, who.position_id, coalesce(who.role, 'SYSTEM'), 'follow_unit',
                'case', held.id, held.id, the_act, 'done',
                jsonb_build_object('sequence', held.sequence + 1, 'from_unit', held.unit_id, 'to_unit', move.unit_id), 0);
        taken := taken + 1;
    END LOOP;
    RETURN taken;
END $$
"""


def upgrade() -> None:
    op.execute(PEOPLE_NEAR)
    op.execute(CASES_FOLLOW)
    # A trigger's function is called by nobody; whoever may, could hang it on a table of their own.
    op.execute("REVOKE ALL ON FUNCTION audit_link() FROM PUBLIC")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")
