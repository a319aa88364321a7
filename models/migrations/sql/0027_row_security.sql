CREATE OR REPLACE FUNCTION annhi_standing(p_code_hash text) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_person uuid := annhi_person();
    v_at timestamptz := annhi_now();
    v_role text;
    v_unit uuid;
BEGIN
    
    SELECT p.role, p.unit_id INTO v_role, v_unit FROM position p
     WHERE p.id = annhi_position() AND p.person_id = v_person AND p.valid_from <= v_at
       AND (p.valid_to IS NULL OR p.valid_to > v_at);
    RETURN (
        SELECT CASE WHEN s.taken_in_at IS NULL AND s.decision = 'put_away' THEN 'handled'
                    WHEN s.id IS NOT NULL AND s.taken_in_at IS NULL THEN 'received'
                    ELSE (SELECT CASE WHEN bool_and(c.process = ANY ('{closed,not_substantiated,redirected}')) THEN 'handled'
                                      WHEN bool_or(c.process <> 'received' OR l.acknowledged_at IS NOT NULL)
                                      THEN 'taken_up' ELSE 'received' END
                            FROM case_report l JOIN case_file c ON c.id = l.case_id AND c.process <> 'attached'
                           WHERE l.report_id = given.id AND l.until IS NULL) END
          FROM (SELECT p.report_id AS id FROM public_receipt p WHERE p.code_hash = p_code_hash
                UNION ALL
                SELECT r.set_aside_id FROM set_aside_receipt r WHERE r.code_hash = p_code_hash) given
          LEFT JOIN set_aside s ON s.id = given.id);
END $$
;

ALTER TABLE set_aside ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON set_aside TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON set_aside FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{H111,H111S}') AND receiver_unit_id = (SELECT annhi_unit()))
    OR ((SELECT annhi_part()) = ANY ('{metrics,public_door}')))
;

CREATE POLICY api_adds ON set_aside FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{public_door}') AND (receiver_id = (SELECT annhi_person()))))
;

CREATE POLICY api_changes ON set_aside FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{H111,H111S}') AND receiver_unit_id = (SELECT annhi_unit()))
    OR ((SELECT annhi_part()) = ANY ('{public_door}')))
;

ALTER TABLE set_aside_receipt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON set_aside_receipt TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_adds ON set_aside_receipt FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{public_door}')))
;

ALTER TABLE public_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON public_words TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON public_words FOR SELECT TO annhi_api
    USING (((SELECT annhi_part()) = ANY ('{public_door}')))
;

CREATE POLICY api_adds ON public_words FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{public_door}')))
;

CREATE POLICY api_removes ON public_words FOR DELETE TO annhi_api
    USING ((SELECT annhi_part()) = 'public_door')
;

