DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON public.%I', one.policyname, one.tablename);
    END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'annhi\_%' LOOP
        EXECUTE format('DROP FUNCTION %s', one.name);
    END LOOP;
END $$
;

CREATE OR REPLACE FUNCTION annhi_person() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('annhi.person', true), '')::uuid $$
;

CREATE OR REPLACE FUNCTION annhi_position() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('annhi.position', true), '')::uuid $$
;

CREATE OR REPLACE FUNCTION annhi_part() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT coalesce(current_setting('annhi.system', true), '') $$
;

CREATE OR REPLACE FUNCTION annhi_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT nullif(current_setting('annhi.now', true), '')::timestamptz $$
;

CREATE OR REPLACE FUNCTION annhi_at_work() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT coalesce(string_to_array(nullif(current_setting('annhi.case', true), ''), ',')::uuid[], '{}') $$
;

CREATE OR REPLACE FUNCTION annhi_role() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN v_role;
END $$
;

COMMENT ON FUNCTION annhi_role() IS 'the role of the announced position, while it is in force'
;

REVOKE ALL ON FUNCTION annhi_role() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_role() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_unit() RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN v_unit;
END $$
;

COMMENT ON FUNCTION annhi_unit() IS 'the office of the announced position'
;

REVOKE ALL ON FUNCTION annhi_unit() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_unit() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_scope() RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN CASE WHEN v_role = ANY ('{H111}') THEN 'own' WHEN v_role = ANY ('{H111S}') THEN 'received' WHEN v_role = ANY ('{CHAIR,CPO,SUP,VCH}') THEN 'unit' WHEN v_role = ANY ('{EDU,FOR,HLT,LEG,POL,SHL,SWC}') THEN 'referral slice' WHEN v_role = ANY ('{DOH,DOHD,PROV}') THEN 'province' ELSE 'none' END;
END $$
;

COMMENT ON FUNCTION annhi_scope() IS 'how far the reader reads cases'
;

REVOKE ALL ON FUNCTION annhi_scope() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_scope() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_units() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM,AUD,DEL,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,INF,LEG,NAT,POL,SHL,SWC,WU,YU}') THEN
        RETURN '{}';
    ELSIF v_role = ANY ('{CHAIR,CPO,SUP,VCH}') THEN
        RETURN ARRAY[v_unit];
    ELSIF v_role = ANY ('{DOH,DOHD,PROV}') THEN
        RETURN ARRAY(WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down);
    ELSE
        RETURN '{}';
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_units() IS 'the offices whose cases the reader reads by their role'
;

REVOKE ALL ON FUNCTION annhi_units() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_units() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_brought() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{H111}') THEN
        RETURN QUERY SELECT b.case_id FROM (SELECT case_report_1.case_id FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_id = v_person) b WHERE b.case_id <> ALL ((SELECT annhi_out())::uuid[]);
    END IF;
    IF v_role = ANY ('{H111S}') THEN
        RETURN QUERY SELECT b.case_id FROM (SELECT case_report_1.case_id FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_unit_id = v_unit) b WHERE b.case_id <> ALL ((SELECT annhi_out())::uuid[]);
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_brought() IS 'the cases the reader, or their office, took in, where that is how far they read'
;

REVOKE ALL ON FUNCTION annhi_brought() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_brought() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_brought_reports() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{H111}') THEN
        RETURN QUERY SELECT l.report_id FROM case_report l JOIN (SELECT case_report_1.case_id FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_id = v_person) b ON b.case_id = l.case_id WHERE l.until IS NULL AND l.report_id <> ALL ((SELECT annhi_out_reports())::uuid[]);
    END IF;
    IF v_role = ANY ('{H111S}') THEN
        RETURN QUERY SELECT l.report_id FROM case_report l JOIN (SELECT case_report_1.case_id FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_unit_id = v_unit) b ON b.case_id = l.case_id WHERE l.until IS NULL AND l.report_id <> ALL ((SELECT annhi_out_reports())::uuid[]);
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_brought_reports() IS 'the reports of these cases'
;

REVOKE ALL ON FUNCTION annhi_brought_reports() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_brought_reports() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_out() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,INF,LEG,NAT,POL,PROV,SHL,SUP,SWC,WU,YU}') THEN
        RETURN ARRAY(SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at));
    ELSIF v_role = ANY ('{VCH}') THEN
        RETURN ARRAY(SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at) UNION SELECT recusal_2.case_id FROM recusal AS recusal_2 JOIN position AS recused_chair ON recused_chair.person_id = recusal_2.person_id WHERE recused_chair.unit_id = v_unit AND recused_chair.role = 'CHAIR' AND recused_chair.person_id != v_person AND recused_chair.valid_from <= v_at AND (recused_chair.valid_to IS NULL OR recused_chair.valid_to > v_at) AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at) AND NOT (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = recusal_2.case_id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))));
    ELSE
        RETURN ARRAY(SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at));
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_out() IS 'the cases the reader must keep out of'
;

REVOKE ALL ON FUNCTION annhi_out() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_out() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_named() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN ARRAY(SELECT delegate.case_id FROM delegate WHERE delegate.person_id = v_person AND delegate.since <= v_at AND (delegate.until IS NULL OR delegate.until > v_at));
END $$
;

COMMENT ON FUNCTION annhi_named() IS 'the cases the reader is the named decider of'
;

REVOKE ALL ON FUNCTION annhi_named() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_named() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_glass() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN ARRAY(SELECT break_glass.case_id FROM break_glass WHERE break_glass.person_id = v_person AND break_glass.confirmed_at <= v_at AND break_glass.ends_at > v_at);
END $$
;

COMMENT ON FUNCTION annhi_glass() IS 'the cases the reader may look into now by broken glass'
;

REVOKE ALL ON FUNCTION annhi_glass() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_glass() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_stood() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN ARRAY(SELECT DISTINCT deputy.unit_id FROM deputy WHERE deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at));
END $$
;

COMMENT ON FUNCTION annhi_stood() IS 'the offices where the reader deputises the case team'
;

REVOKE ALL ON FUNCTION annhi_stood() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_stood() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_reads(p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM,AUD,DEL,DPO,EDU,FF,FOR,GRP,HLT,INF,LEG,NAT,POL,SHL,SWC,WU,YU}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{H111}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_id = v_person)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{H111S}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{CHAIR,CPO,SUP}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (case_file.unit_id = v_unit OR (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit) AND case_file.process = 'received' AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at)) OR case_file.transfer_to_id = v_unit OR case_file.former_unit_id = v_unit));
    ELSIF v_role = ANY ('{VCH}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at) UNION SELECT recusal_2.case_id FROM recusal AS recusal_2 JOIN position AS recused_chair ON recused_chair.person_id = recusal_2.person_id WHERE recused_chair.unit_id = v_unit AND recused_chair.role = 'CHAIR' AND recused_chair.person_id != v_person AND recused_chair.valid_from <= v_at AND (recused_chair.valid_to IS NULL OR recused_chair.valid_to > v_at) AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at) AND NOT (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = recusal_2.case_id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))))) AND (case_file.unit_id = v_unit OR (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit) AND case_file.process = 'received' AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_2 WHERE delegate_2.case_id = case_file.id AND delegate_2.person_id = v_person AND delegate_2.since <= v_at AND (delegate_2.until IS NULL OR delegate_2.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_3 WHERE recusal_3.case_id = case_file.id AND recusal_3.person_id = deputy.principal_id AND recusal_3.since <= v_at AND (recusal_3.until IS NULL OR recusal_3.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at)) OR case_file.transfer_to_id = v_unit OR case_file.former_unit_id = v_unit));
    ELSIF v_role = ANY ('{DOH,DOHD,PROV}') THEN
        RETURN EXISTS (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), provinces(id) AS (SELECT unit.id AS id FROM unit WHERE unit.kind = 'province' UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN provinces ON unit_parent.parent_id = provinces.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (case_file.unit_id IN (SELECT down.id FROM down) OR case_file.unit_id IS NULL AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND (report_1.receiver_unit_id IN (SELECT down.id FROM down) OR (report_1.receiver_unit_id NOT IN (SELECT provinces.id FROM provinces))))) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSE
        RETURN false;
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_reads(uuid) IS 'whether the reader reads a case: the clause of the scope itself'
;

REVOKE ALL ON FUNCTION annhi_reads(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_reads(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_opened() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_person uuid := annhi_person();
    v_at timestamptz := annhi_now();
    v_role text;
    v_unit uuid;
BEGIN
    IF cardinality(annhi_at_work()) = 0 THEN
        RETURN '{}';
    END IF;
    SELECT p.role, p.unit_id INTO v_role, v_unit FROM position p
     WHERE p.id = annhi_position() AND p.person_id = v_person AND p.valid_from <= v_at
       AND (p.valid_to IS NULL OR p.valid_to > v_at);
    IF v_role = ANY ('{ADM,AUD,DEL,DPO,EDU,FF,FOR,GRP,HLT,INF,LEG,NAT,POL,SHL,SWC,WU,YU}') THEN
        RETURN ARRAY(SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{H111}') THEN
        RETURN ARRAY(SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_id = v_person)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{H111S}') THEN
        RETURN ARRAY(SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND ((EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND case_report_1.how != 'further' AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSIF v_role = ANY ('{CHAIR,CPO,SUP}') THEN
        RETURN ARRAY(SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (case_file.unit_id = v_unit OR (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit) AND case_file.process = 'received' AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at)) OR case_file.transfer_to_id = v_unit OR case_file.former_unit_id = v_unit));
    ELSIF v_role = ANY ('{VCH}') THEN
        RETURN ARRAY(SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at) UNION SELECT recusal_2.case_id FROM recusal AS recusal_2 JOIN position AS recused_chair ON recused_chair.person_id = recusal_2.person_id WHERE recused_chair.unit_id = v_unit AND recused_chair.role = 'CHAIR' AND recused_chair.person_id != v_person AND recused_chair.valid_from <= v_at AND (recused_chair.valid_to IS NULL OR recused_chair.valid_to > v_at) AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at) AND NOT (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = recusal_2.case_id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))))) AND (case_file.unit_id = v_unit OR (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit) AND case_file.process = 'received' AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND report_1.receiver_unit_id = v_unit)) OR (EXISTS (SELECT * FROM delegate AS delegate_2 WHERE delegate_2.case_id = case_file.id AND delegate_2.person_id = v_person AND delegate_2.since <= v_at AND (delegate_2.until IS NULL OR delegate_2.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_3 WHERE recusal_3.case_id = case_file.id AND recusal_3.person_id = deputy.principal_id AND recusal_3.since <= v_at AND (recusal_3.until IS NULL OR recusal_3.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at)) OR case_file.transfer_to_id = v_unit OR case_file.former_unit_id = v_unit));
    ELSIF v_role = ANY ('{DOH,DOHD,PROV}') THEN
        RETURN ARRAY(WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), provinces(id) AS (SELECT unit.id AS id FROM unit WHERE unit.kind = 'province' UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN provinces ON unit_parent.parent_id = provinces.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT case_file.id FROM case_file WHERE case_file.id = any((SELECT annhi_at_work())::uuid[]) AND (case_file.id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (case_file.unit_id IN (SELECT down.id FROM down) OR case_file.unit_id IS NULL AND (EXISTS (SELECT * FROM case_report AS case_report_1, report AS report_1 WHERE case_report_1.case_id = case_file.id AND case_report_1.report_id = report_1.id AND case_report_1.until IS NULL AND (report_1.receiver_unit_id IN (SELECT down.id FROM down) OR (report_1.receiver_unit_id NOT IN (SELECT provinces.id FROM provinces))))) OR (EXISTS (SELECT * FROM delegate AS delegate_1 WHERE delegate_1.case_id = case_file.id AND delegate_1.person_id = v_person AND delegate_1.since <= v_at AND (delegate_1.until IS NULL OR delegate_1.until > v_at))) OR (EXISTS (SELECT * FROM deputy WHERE deputy.unit_id = case_file.unit_id AND deputy.role IN ('CHAIR', 'CPO', 'SUP', 'VCH') AND deputy.deputy_id = v_person AND deputy.valid_from <= v_at AND (deputy.valid_to IS NULL OR deputy.valid_to > v_at) AND NOT (EXISTS (SELECT * FROM recusal AS recusal_2 WHERE recusal_2.case_id = case_file.id AND recusal_2.person_id = deputy.principal_id AND recusal_2.since <= v_at AND (recusal_2.until IS NULL OR recusal_2.until > v_at))))) OR (EXISTS (SELECT * FROM break_glass AS break_glass_1 WHERE break_glass_1.case_id = case_file.id AND break_glass_1.person_id = v_person AND break_glass_1.confirmed_at <= v_at AND break_glass_1.ends_at > v_at))));
    ELSE
        RETURN '{}';
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_opened() IS 'of the cases a transaction says it is about, those the reader reads: asked once a statement, not of every row'
;

REVOKE ALL ON FUNCTION annhi_opened() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_opened() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_children() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_person uuid := annhi_person();
    v_at timestamptz := annhi_now();
    v_role text;
    v_unit uuid;
BEGIN
    IF cardinality(annhi_at_work()) = 0 THEN
        RETURN '{}';
    END IF;
    SELECT p.role, p.unit_id INTO v_role, v_unit FROM position p
     WHERE p.id = annhi_position() AND p.person_id = v_person AND p.valid_from <= v_at
       AND (p.valid_to IS NULL OR p.valid_to > v_at);
    RETURN ARRAY(SELECT c.child_id FROM case_file c
                   WHERE c.id = ANY ((SELECT annhi_opened())::uuid[]) AND (v_role = ANY ('{CHAIR,CPO,DEL,DOH,DOHD,SUP,VCH}')
        OR (v_role = ANY ('{H111,H111S}') AND (c.process = 'received'
                OR c.id = ANY ((SELECT annhi_glass())::uuid[])))));
END $$
;

COMMENT ON FUNCTION annhi_children() IS 'the children of these cases, for whoever sees who they are'
;

REVOKE ALL ON FUNCTION annhi_children() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_children() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_reads_child(p_child uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM case_file c WHERE c.child_id = p_child AND (v_role = ANY ('{CHAIR,CPO,DEL,DOH,DOHD,SUP,VCH}')
        OR (v_role = ANY ('{H111,H111S}') AND (c.process = 'received'
                OR c.id = ANY ((SELECT annhi_glass())::uuid[])))) AND annhi_reads(c.id));
END $$
;

COMMENT ON FUNCTION annhi_reads_child(uuid) IS 'whether the reader reads a case of a child, and sees who it is'
;

REVOKE ALL ON FUNCTION annhi_reads_child(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_reads_child(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_reads_household(p_household uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM case_file c WHERE c.household_id = p_household AND annhi_reads(c.id));
END $$
;

COMMENT ON FUNCTION annhi_reads_household(uuid) IS 'whether the reader reads a case of a household'
;

REVOKE ALL ON FUNCTION annhi_reads_household(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_reads_household(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_reads_report(p_report uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM case_report l WHERE l.report_id = p_report AND l.until IS NULL
                    AND annhi_reads(l.case_id));
END $$
;

COMMENT ON FUNCTION annhi_reads_report(uuid) IS 'whether the reader reads a case of a report'
;

REVOKE ALL ON FUNCTION annhi_reads_report(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_reads_report(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_referred() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,FF,H111,H111S,INF,NAT,PROV,SUP,VCH,YU}') THEN
        RETURN '{}';
    ELSIF v_role = ANY ('{GRP}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('cash_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{POL}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'police_report') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{HLT}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination', 'medical_emergency', 'psychosocial', 'sexual_assault_care') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{FOR}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{EDU}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('psychosocial', 'school_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{LEG}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'legal_aid') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{SHL}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{SWC}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'cash_support', 'civil_registration', 'parenting_reintegration', 'psychosocial', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSIF v_role = ANY ('{WU}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('parenting_reintegration', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))));
    ELSE
        RETURN '{}';
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_referred() IS 'the referrals to the reader''s office, whose service they give'
;

REVOKE ALL ON FUNCTION annhi_referred() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_referred() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_unlocks(p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN v_role IS NOT NULL AND p_case <> ALL ((SELECT annhi_out())::uuid[]) AND (annhi_reads(p_case)
        OR EXISTS (SELECT FROM case_report l JOIN report r ON r.id = l.report_id
                    WHERE l.case_id = p_case AND r.receiver_id = v_person)
        OR EXISTS (SELECT FROM referral f WHERE f.case_id = p_case AND f.id = ANY ((SELECT annhi_referred())::uuid[]))
        OR EXISTS (SELECT FROM case_file WHERE case_file.id = p_case AND (
                ((v_role = ANY ('{CHAIR,CPO,SUP,VCH}')) AND (case_file.transfer_to_id = v_unit))
                OR ((v_role = ANY ('{CHAIR,CPO,DOH,DOHD,EDU,FF,GRP,H111,H111S,HLT,POL,SHL,SUP,SWC,VCH,WU,YU}')) AND (case_file.unit_id = v_unit OR case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit OR (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind IN ('hotline'))) OR (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND (unit.kind NOT IN ('commune', 'hotline')))) AND (case_file.unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down) OR case_file.incident_unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down) OR case_file.residence_unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down))))
                OR ((v_role = ANY ('{CHAIR,VCH}')) AND (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit))))
        OR (p_case = ANY (annhi_at_work()) AND EXISTS (SELECT FROM case_file WHERE case_file.id = p_case AND (
                ((v_role = ANY ('{NAT}')) AND (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind = 'national')))
                OR ((v_role = ANY ('{CPO,SUP}')) AND ((EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind = 'commune')) AND case_file.unit_id IS NOT NULL AND case_file.unit_id != v_unit))))));
END $$
;

COMMENT ON FUNCTION annhi_unlocks(uuid) IS 'whether the reader needs a case''s wrapped key: they read it, took a report of it in, answer a referral of it, or may add to it unread; where that is to any case whose name they know, of the one they name'
;

REVOKE ALL ON FUNCTION annhi_unlocks(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_unlocks(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_of_another(p_report uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM report r WHERE r.id = p_report AND r.receiver_id IS DISTINCT FROM v_person);
END $$
;

COMMENT ON FUNCTION annhi_of_another(uuid) IS 'whether a report is there already, and somebody else took it in'
;

REVOKE ALL ON FUNCTION annhi_of_another(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_of_another(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_elsewhere(p_escalation uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM escalation e
                   WHERE e.id = p_escalation AND e.case_id <> ALL ((SELECT annhi_at_work())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_elsewhere(uuid) IS 'whether an escalation is there already, of a case the worker does not work on'
;

REVOKE ALL ON FUNCTION annhi_elsewhere(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_elsewhere(uuid) TO annhi_worker
;

CREATE OR REPLACE FUNCTION annhi_out_reports() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN ARRAY(SELECT report_id FROM case_report WHERE case_id = ANY ((SELECT annhi_out())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_out_reports() IS 'the reports of the cases the reader must keep out of'
;

REVOKE ALL ON FUNCTION annhi_out_reports() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_out_reports() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_sent(p_escalation uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (SELECT FROM escalation_recipient WHERE escalation_id = p_escalation AND person_id = v_person);
END $$
;

COMMENT ON FUNCTION annhi_sent(uuid) IS 'whether an escalation went to the reader'
;

REVOKE ALL ON FUNCTION annhi_sent(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_sent(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_administered() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM}') THEN
        RETURN ARRAY(WITH RECURSIVE down(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down);
    END IF;
    RETURN '{}';
END $$
;

COMMENT ON FUNCTION annhi_administered() IS 'the offices the reader administers'
;

REVOKE ALL ON FUNCTION annhi_administered() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_administered() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_administers(p_person uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN v_role = ANY ('{ADM}')
        AND NOT EXISTS (SELECT FROM position p WHERE p.person_id = p_person
                         AND (p.valid_to IS NULL OR p.valid_to > v_at)
                         AND p.unit_id <> ALL ((SELECT annhi_administered())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_administers(uuid) IS 'whether every position a person holds is in an office the reader administers'
;

REVOKE ALL ON FUNCTION annhi_administers(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_administers(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_households() RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY SELECT c.household_id FROM case_file c WHERE c.id = ANY ((SELECT annhi_at_work())::uuid[]);
END $$
;

COMMENT ON FUNCTION annhi_households() IS 'the households of the cases the worker works on'
;

REVOKE ALL ON FUNCTION annhi_households() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_households() TO annhi_worker
;

CREATE OR REPLACE FUNCTION annhi_reviews(p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF v_role = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,EDU,FF,FOR,GRP,H111,H111S,HLT,INF,LEG,NAT,POL,PROV,SHL,SWC,VCH,WU,YU}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE false);
    ELSIF v_role = ANY ('{SUP}') THEN
        RETURN EXISTS (SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND case_file.unit_id = v_unit);
    ELSIF v_role = ANY ('{DPO}') THEN
        RETURN EXISTS (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT case_file.id FROM case_file WHERE case_file.id = p_case AND (case_file.unit_id IN (SELECT down.id FROM down) OR case_file.unit_id IS NULL));
    ELSE
        RETURN false;
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_reviews(uuid) IS 'whether looking at a case''s broken glass afterwards is the reader''s'
;

REVOKE ALL ON FUNCTION annhi_reviews(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_reviews(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_address(p_id uuid, p_code text, p_event text, p_key uuid) RETURNS TABLE (id uuid, code text, unit_id uuid, process text, sight text) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT found.id, found.code::text, found.unit_id, found.process::text,
           CASE WHEN found.acts THEN 'acts' ELSE 'lost' END
      FROM (SELECT case_file.*, case_file.id <> ALL ((SELECT annhi_out())::uuid[]) AND (
                ((p_event = ANY ('{accept_transfer,refuse_transfer}') AND v_role = ANY ('{CHAIR,CPO,SUP,VCH}')) AND (case_file.transfer_to_id = v_unit))
                OR ((p_event = ANY ('{add_report,raise_emergency,request_ban}') AND v_role = ANY ('{CHAIR,CPO,DOH,DOHD,EDU,FF,GRP,H111,H111S,HLT,POL,SHL,SUP,SWC,VCH,WU,YU}')) AND (case_file.unit_id = v_unit OR case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit OR (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind IN ('hotline'))) OR (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND (unit.kind NOT IN ('commune', 'hotline')))) AND (case_file.unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down) OR case_file.incident_unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down) OR case_file.residence_unit_id IN (WITH RECURSIVE up(id) AS (SELECT v_unit AS id UNION SELECT unit_parent.parent_id AS parent_id FROM unit_parent JOIN up ON unit_parent.unit_id = up.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)), down(id) AS (SELECT start.id AS id FROM (SELECT v_unit AS id UNION SELECT unit.id AS id FROM unit JOIN up ON unit.id = up.id WHERE unit.kind IN ('province', 'committee')) AS start UNION SELECT unit_parent.unit_id AS unit_id FROM unit_parent JOIN down ON unit_parent.parent_id = down.id WHERE unit_parent.valid_from <= v_at AND (unit_parent.valid_to IS NULL OR unit_parent.valid_to > v_at)) SELECT down.id FROM down))))
                OR ((p_event = ANY ('{assign_transfer}') AND v_role = ANY ('{NAT}')) AND (EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind = 'national')))
                OR ((p_event = ANY ('{order_isolation}') AND v_role = ANY ('{CHAIR,VCH}')) AND (case_file.incident_unit_id = v_unit OR case_file.residence_unit_id = v_unit))
                OR ((p_event = ANY ('{request_transfer}') AND v_role = ANY ('{CPO,SUP}')) AND ((EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind = 'commune')) AND case_file.unit_id IS NOT NULL AND case_file.unit_id != v_unit))) AS acts
              FROM case_file WHERE case_file.id = p_id OR case_file.code = p_code) found
     WHERE found.acts OR EXISTS (SELECT FROM submission s WHERE s.person_id = v_person AND s.key = p_key
                                  AND s.target = format('cases/%s/%s', found.id, p_event));
END $$
;

COMMENT ON FUNCTION annhi_address(uuid, text, text, uuid) IS 'what sending an event needs of a case its sender does not read: where they may send it, or did before'
;

REVOKE ALL ON FUNCTION annhi_address(uuid, text, text, uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_address(uuid, text, text, uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_behind_glass(p_id uuid, p_code text) RETURNS TABLE (id uuid, code text, unit_id uuid, process text, owner_id uuid, flagged boolean, key_wrapped bytea, key_kek text) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT c.id, c.code::text, c.unit_id, c.process::text, c.owner_id, c.flagged, k.wrapped, k.kek::text
      FROM case_file c LEFT JOIN case_key k ON k.case_id = c.id
     WHERE (c.id = p_id OR c.code = p_code) AND c.id <> ALL ((SELECT annhi_out())::uuid[])
       AND v_role = ANY ('{CHAIR,CPO,DOH,DOHD,H111,H111S,SUP,VCH}');
END $$
;

COMMENT ON FUNCTION annhi_behind_glass(uuid, text) IS 'the case somebody names exactly to break its glass'
;

REVOKE ALL ON FUNCTION annhi_behind_glass(uuid, text) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_behind_glass(uuid, text) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_grants(p_grant uuid) RETURNS TABLE (grant_id uuid, code text, unit_id uuid, owner_id uuid, flagged boolean, to_review boolean, key_wrapped bytea, key_kek text) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT seen.id, case_file.code::text, case_file.unit_id, case_file.owner_id, case_file.flagged, seen.to_review,
           k.wrapped, k.kek::text
      FROM (SELECT g.id, g.case_id, g.person_id, g.confirmed_by, annhi_reviews(g.case_id) AS to_review
              FROM break_glass g
             WHERE (p_grant IS NULL OR g.id = p_grant) AND g.case_id <> ALL ((SELECT annhi_out())::uuid[])) seen
      JOIN case_file ON case_file.id = seen.case_id LEFT JOIN case_key k ON k.case_id = seen.case_id
     WHERE seen.person_id = v_person OR seen.confirmed_by = v_person OR seen.to_review
        OR (p_grant IS NOT NULL AND v_role = ANY ('{CHAIR,DOH,DOHD,H111S,SUP,VCH}'));
END $$
;

COMMENT ON FUNCTION annhi_grants(uuid) IS 'what the reader asked for, confirmed or is to review of broken glass; one that is named, whoever may confirm'
;

REVOKE ALL ON FUNCTION annhi_grants(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_grants(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_audited(p_id uuid, p_code text) RETURNS TABLE (id uuid, code text, kept_out boolean) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT c.id, c.code::text, c.id = ANY ((SELECT annhi_out())::uuid[]) FROM case_file c
     WHERE (c.id = p_id OR c.code = p_code) AND v_role = ANY ('{AUD,DPO}');
END $$
;

COMMENT ON FUNCTION annhi_audited(uuid, text) IS 'id and code of a case the audit speaks of, for whoever looks after the audit'
;

REVOKE ALL ON FUNCTION annhi_audited(uuid, text) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_audited(uuid, text) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_about(p_report uuid) RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT l.case_id FROM case_report l JOIN report r ON r.id = l.report_id
     WHERE l.report_id = p_report AND (r.receiver_id = v_person OR annhi_reads_report(p_report))
       AND p_report <> ALL ((SELECT annhi_out_reports())::uuid[]) ORDER BY l.case_id;
END $$
;

COMMENT ON FUNCTION annhi_about(uuid) IS 'the ids of all cases a report in scope is about, for the record of who read it'
;

REVOKE ALL ON FUNCTION annhi_about(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_about(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_code_of(p_case uuid) RETURNS text LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN (SELECT c.code FROM case_file c
         WHERE c.id = p_case AND c.id <> ALL ((SELECT annhi_out())::uuid[]) AND (
            annhi_reads(c.id)
            OR EXISTS (SELECT FROM notice n WHERE n.case_id = c.id AND n.person_id = v_person)
            OR EXISTS (SELECT FROM call_task t WHERE t.case_id = c.id
                        AND (t.caller_unit_id = v_unit OR (t.caller_unit_id IS NULL AND v_role = 'NAT')))));
END $$
;

COMMENT ON FUNCTION annhi_code_of(uuid) IS 'the code of a case the reader was told of or is to phone about'
;

REVOKE ALL ON FUNCTION annhi_code_of(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_code_of(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_escalated(p_escalation uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN (SELECT jsonb_build_object('case', c.code, 'deadline', d.code, 'due_at', coalesce(r.due_at, d.due_at))
              FROM escalation e JOIN case_file c ON c.id = e.case_id JOIN deadline d ON d.id = e.deadline_id
              LEFT JOIN rung r ON r.deadline_id = e.deadline_id AND r.ordinal = e.ordinal
             WHERE e.id = p_escalation AND annhi_sent(e.id) AND c.id <> ALL ((SELECT annhi_out())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_escalated(uuid) IS 'what an escalation that went to the reader is about: codes and an instant'
;

REVOKE ALL ON FUNCTION annhi_escalated(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_escalated(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_outcome(p_command uuid) RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN (SELECT jsonb_build_object('implied', v.implied, 'deadlines', (
               SELECT coalesce(jsonb_agg(
                          jsonb_build_object('clock', d.clock, 'breaches', '[]'::jsonb, 'rungs', (
                              SELECT coalesce(jsonb_agg(
                                         jsonb_build_object('ordinal', r.ordinal, 'state', r.state, 'told', '[]'::jsonb,
                                                            'fired_at', r.fired_at, 'nobody', false)), '[]')
                                FROM rung r WHERE r.deadline_id = d.id))
                          ORDER BY d.started_at, d.code, d.occurrence), '[]')
                 FROM deadline d WHERE d.case_id = v.case_id AND d.updated_at = v.recorded_at))
              FROM case_event v
             WHERE v.command_id = p_command AND v.actor_id = v_person
               AND v.case_id <> ALL ((SELECT annhi_out())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_outcome(uuid) IS 'what the caller''s own act brought about: the deadlines it was the last to touch'
;

REVOKE ALL ON FUNCTION annhi_outcome(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_outcome(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_whole_report(p_report uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN NOT EXISTS (SELECT FROM case_report l WHERE l.report_id = p_report AND l.until IS NULL
                        AND NOT annhi_reads(l.case_id));
END $$
;

COMMENT ON FUNCTION annhi_whole_report(uuid) IS 'whether the reader reads every case of a report, and so may read it whole'
;

REVOKE ALL ON FUNCTION annhi_whole_report(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_whole_report(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_search(p_name text, p_limit int) RETURNS TABLE (id uuid) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT c.id FROM child k JOIN case_file c ON c.child_id = k.id
     WHERE v_role = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}')
       AND (k.folded_name LIKE '%' || p_name || '%' OR k.folded_name % p_name)
       AND (c.unit_id = ANY ((SELECT annhi_units())::uuid[]) OR annhi_reads(c.id))
       AND c.id <> ALL ((SELECT annhi_out())::uuid[])
     ORDER BY similarity(k.folded_name, p_name) DESC, c.receipt_at DESC, c.id DESC
     LIMIT least(p_limit, 50);
END $$
;

COMMENT ON FUNCTION annhi_search(text, int) IS 'the reader''s own cases by a child''s name: a policy would keep the trigram index from being used'
;

REVOKE ALL ON FUNCTION annhi_search(text, int) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_search(text, int) TO annhi_api
;

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
        SELECT CASE WHEN bool_and(c.process = ANY ('{closed,not_substantiated,redirected}')) THEN 'handled'
                    WHEN bool_or(c.process <> 'received' OR l.acknowledged_at IS NOT NULL) THEN 'taken_up'
                    ELSE 'received' END
          FROM public_receipt p JOIN case_report l ON l.report_id = p.report_id AND l.until IS NULL
          JOIN case_file c ON c.id = l.case_id AND c.process <> 'attached'
         WHERE p.code_hash = p_code_hash
         GROUP BY p.id);
END $$
;

COMMENT ON FUNCTION annhi_standing(text) IS 'whether the report of a receipt was taken up, and nothing else of it'
;

REVOKE ALL ON FUNCTION annhi_standing(text) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_standing(text) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_alike(p_case uuid) RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    WITH mine AS (SELECT c.id, c.report_id, c.attached_to, c.unit_id, k.folded_name, k.birth_date,
           coalesce(extract(year FROM k.birth_date), extract(year FROM k.created_at) - k.estimated_age) AS year
      FROM case_file c JOIN child k ON k.id = c.child_id
     WHERE c.id = p_case AND annhi_reads(c.id)
       AND v_role = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}')),
    alike AS (
        SELECT k.id FROM child k WHERE k.folded_name % (SELECT m.folded_name FROM mine m)
        UNION
        SELECT k.id FROM child k WHERE k.birth_date = (SELECT m.birth_date FROM mine m)
        UNION
        SELECT k.id FROM mine m JOIN case_file c ON c.unit_id = m.unit_id JOIN child k ON k.id = c.child_id
         WHERE abs(coalesce(extract(year FROM k.birth_date), extract(year FROM k.created_at) - k.estimated_age) - m.year) <= 1)
    SELECT c.id FROM mine m, alike a JOIN child k ON k.id = a.id JOIN case_file c ON c.child_id = k.id
     WHERE c.id <> m.id AND c.report_id <> m.report_id AND coalesce(c.attached_to <> m.id, true)
       AND coalesce(m.attached_to <> c.id, true)
       AND (c.unit_id = ANY ((SELECT annhi_units())::uuid[]) OR annhi_reads(c.id))
       AND c.id <> ALL ((SELECT annhi_out())::uuid[])
     ORDER BY coalesce(similarity(k.folded_name, m.folded_name), 0) * 50
            + CASE WHEN k.birth_date = m.birth_date THEN 30 ELSE 0 END
            + CASE WHEN c.unit_id = m.unit_id THEN 10 ELSE 0 END DESC, c.receipt_at DESC, c.id DESC
     LIMIT 60;
END $$
;

COMMENT ON FUNCTION annhi_alike(uuid) IS 'the reader''s own cases whose child may be that of a case of theirs: as annhi_search, by name, birth and place'
;

REVOKE ALL ON FUNCTION annhi_alike(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_alike(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_alike_elsewhere(p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN EXISTS (
        WITH mine AS (SELECT c.id, c.report_id, c.attached_to, c.unit_id, k.folded_name, k.birth_date,
           coalesce(extract(year FROM k.birth_date), extract(year FROM k.created_at) - k.estimated_age) AS year
      FROM case_file c JOIN child k ON k.id = c.child_id
     WHERE c.id = p_case AND annhi_reads(c.id)
       AND v_role = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}'))
        SELECT FROM mine m JOIN child k ON k.folded_name % m.folded_name JOIN case_file c ON c.child_id = k.id
         WHERE m.folded_name LIKE '% %' AND similarity(k.folded_name, m.folded_name) >= 0.9
           AND abs(coalesce(extract(year FROM k.birth_date), extract(year FROM k.created_at) - k.estimated_age) - m.year) <= 1
           AND NOT annhi_reads(c.id) AND c.id <> ALL ((SELECT annhi_out())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_alike_elsewhere(uuid) IS 'yes or no: a case the reader does not read is of a child of the same whole name and age'
;

REVOKE ALL ON FUNCTION annhi_alike_elsewhere(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_alike_elsewhere(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_slices(p_referral uuid) RETURNS TABLE (id uuid, age int, sex text, unit_id uuid, risk text, full_name text, birth_date date, estimated_age int) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT referral.id, coalesce(extract(year FROM age((v_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, k.birth_date))::int,
                                 k.estimated_age), k.sex::text, c.unit_id, c.risk::text, CASE WHEN ((referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter'))) AND referral.service = ANY ('{alternative_care,cash_support,civil_registration,forensic_examination,legal_aid,medical_emergency,parenting_reintegration,police_report,psychosocial,school_support,sexual_assault_care,shelter}') THEN k.full_name::text END, CASE WHEN ((referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter'))) AND referral.service = ANY ('{alternative_care,cash_support,civil_registration,forensic_examination,legal_aid,medical_emergency,police_report,psychosocial,school_support,sexual_assault_care,shelter}') THEN k.birth_date::date END, CASE WHEN ((referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter'))) AND referral.service = ANY ('{alternative_care,civil_registration,forensic_examination,legal_aid,medical_emergency,parenting_reintegration,police_report,psychosocial,sexual_assault_care,shelter}') THEN k.estimated_age::int END
      FROM referral JOIN case_file c ON c.id = referral.case_id JOIN child k ON k.id = c.child_id
     WHERE (p_referral IS NULL OR referral.id = p_referral)
       AND referral.id = ANY ((SELECT annhi_referred())::uuid[]);
END $$
;

COMMENT ON FUNCTION annhi_slices(uuid) IS 'what the reader''s office may know of a child it is asked for, in one referral or in all: the fields its service needs once it has agreed'
;

REVOKE ALL ON FUNCTION annhi_slices(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_slices(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_request(p_referral uuid) RETURNS TABLE (id uuid, case_id uuid, sealed bytea, content_hash text, key_wrapped bytea, key_kek text) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    WITH RECURSIVE asked AS (
        SELECT referral.id, referral.case_id, referral.rerouted_from FROM referral
         WHERE referral.id = p_referral AND (
            (referral.id = ANY ((SELECT annhi_referred())::uuid[]) AND ((referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter'))))
            OR (v_role = ANY ('{CHAIR,CPO,DEL,DOH,DOHD,SUP,VCH}')
                AND annhi_reads(referral.case_id)))
        UNION SELECT r.id, r.case_id, r.rerouted_from FROM referral r JOIN asked ON r.id = asked.rerouted_from)
    SELECT d.id, d.case_id, d.sealed, d.content_hash::text, key.wrapped, key.kek::text
      FROM asked JOIN referral_event v ON v.referral_id = asked.id AND v.event = 'ask_service'
      CROSS JOIN jsonb_array_elements(v.documents) said JOIN document d ON d.id = (said->>'id')::uuid
      LEFT JOIN case_key key ON key.case_id = d.case_id;
END $$
;

COMMENT ON FUNCTION annhi_request(uuid) IS 'what was asked of an agency, sealed: for the agency once it has agreed, wherever the need was passed on from'
;

REVOKE ALL ON FUNCTION annhi_request(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_request(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_link_position(p_referral uuid, p_role text) RETURNS TABLE (position_id uuid, person_id uuid, address text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    DECLARE
        v_to uuid;
        v_name text;
        v_mail text;
    BEGIN
        SELECT u.id, u.name_vi INTO v_to, v_name FROM referral f JOIN unit u ON u.id = f.receiver_id
         WHERE f.id = p_referral AND f.state <> 'draft' AND annhi_reads(f.case_id)
           AND v_role = ANY ('{CPO,DOH,DOHD,SUP}')
           AND p_role = ANY (CASE f.service WHEN 'medical_emergency' THEN '{HLT}'::text[] WHEN 'sexual_assault_care' THEN '{HLT}'::text[] WHEN 'forensic_examination' THEN '{FOR,HLT}'::text[] WHEN 'police_report' THEN '{POL}'::text[] WHEN 'shelter' THEN '{SHL,SWC,WU}'::text[] WHEN 'alternative_care' THEN '{SHL,SWC}'::text[] WHEN 'legal_aid' THEN '{LEG}'::text[] WHEN 'psychosocial' THEN '{EDU,HLT,SWC}'::text[] WHEN 'school_support' THEN '{EDU}'::text[] WHEN 'cash_support' THEN '{GRP,SWC}'::text[] WHEN 'civil_registration' THEN '{LEG,POL,SWC}'::text[] WHEN 'parenting_reintegration' THEN '{SWC,WU}'::text[] ELSE '{}'::text[] END)
           FOR UPDATE OF u;
        IF v_to IS NULL THEN
            RETURN;
        END IF;
        IF NOT EXISTS (SELECT FROM position p WHERE p.unit_id = v_to AND p.role = p_role AND p.kind = 'link') THEN
            WITH made AS (INSERT INTO person (id, full_name, language, is_sample)
                          VALUES (gen_random_uuid(), 'Trả lời qua liên kết · ' || v_name, 'vi', false) RETURNING id)
            INSERT INTO position (id, person_id, unit_id, role, kind, valid_from)
            SELECT gen_random_uuid(), made.id, v_to, p_role, 'link', v_at FROM made;
        END IF;
        SELECT c.address INTO v_mail FROM provider_name n JOIN contact c ON c.provider_id = n.provider_id
         WHERE n.unit_id = v_to AND c.kind = 'email' AND n.valid_from <= v_at AND c.valid_from <= v_at
           AND (n.valid_to IS NULL OR n.valid_to > v_at) AND (c.valid_to IS NULL OR c.valid_to > v_at)
         ORDER BY c.valid_from DESC, c.id LIMIT 1;
        UPDATE person SET email = v_mail FROM position p
         WHERE p.person_id = person.id AND p.unit_id = v_to AND p.role = p_role AND p.kind = 'link';
        RETURN QUERY SELECT p.id, p.person_id, v_mail FROM position p
         WHERE p.unit_id = v_to AND p.role = p_role AND p.kind = 'link';
    END;
END $$
;

COMMENT ON FUNCTION annhi_link_position(uuid, text) IS 'the technical position in which an agency answers by a one-time link; made with the first one'
;

REVOKE ALL ON FUNCTION annhi_link_position(uuid, text) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_link_position(uuid, text) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_loads(p_service text) RETURNS TABLE (provider_id uuid, children bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT n.provider_id, count(*) FROM referral f JOIN provider_name n ON n.unit_id = f.receiver_id
     WHERE f.service = p_service AND f.state = ANY ('{accepted,acknowledged,delivered,draft,in_service,needs_info,scheduled,sent,waiting_order}')
       AND n.valid_from <= v_at AND (n.valid_to IS NULL OR n.valid_to > v_at) GROUP BY n.provider_id;
END $$
;

COMMENT ON FUNCTION annhi_loads(text) IS 'how many children each provider has with a service now: a new referral goes where there is room'
;

REVOKE ALL ON FUNCTION annhi_loads(text) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_loads(text) TO annhi_worker
;

CREATE OR REPLACE FUNCTION annhi_case_of_referral(p_referral uuid) RETURNS uuid LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN (SELECT f.case_id FROM referral f WHERE f.id = p_referral);
END $$
;

COMMENT ON FUNCTION annhi_case_of_referral(uuid) IS 'which case a referral is at: it goes along with a case that is attached, and whoever works on it follows it'
;

REVOKE ALL ON FUNCTION annhi_case_of_referral(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_case_of_referral(uuid) TO annhi_worker
;

CREATE OR REPLACE FUNCTION annhi_left_with(p_unit uuid) RETURNS TABLE (open_cases bigint, ended_cases bigint, referrals bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    IF p_unit <> ALL ((SELECT annhi_administered())::uuid[]) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT count(*) FILTER (WHERE c.process <> ALL ('{attached,closed,not_substantiated,redirected}')),
           count(*) FILTER (WHERE c.process = ANY ('{attached,closed,not_substantiated,redirected}')),
           (SELECT count(*) FROM referral f WHERE f.receiver_id = p_unit AND f.state = ANY ('{accepted,acknowledged,delivered,draft,in_service,needs_info,scheduled,sent,waiting_order}'))
      FROM case_file c
     WHERE c.unit_id = p_unit
        OR (c.unit_id IS NULL AND (c.incident_unit_id = p_unit OR c.residence_unit_id = p_unit));
END $$
;

COMMENT ON FUNCTION annhi_left_with(uuid) IS 'how many cases and referrals an office of the administrator still has: it may end only with none'
;

REVOKE ALL ON FUNCTION annhi_left_with(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_left_with(uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_kept(p_names text[]) RETURNS SETOF text LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY SELECT a.object_name::text FROM attachment a WHERE a.object_name = ANY (p_names);
END $$
;

COMMENT ON FUNCTION annhi_kept(text[]) IS 'which objects of the store are attachments: what a policy hid would be taken for strays, and removed'
;

REVOKE ALL ON FUNCTION annhi_kept(text[]) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_kept(text[]) TO annhi_worker
;

CREATE OR REPLACE FUNCTION annhi_documents(p_case uuid) RETURNS TABLE (id uuid, case_id uuid, command_id uuid, kind text, content_hash text, author_id uuid, created_at timestamptz, version int, plan_version int, frozen_at timestamptz, sequence int) LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN QUERY
    SELECT d.id, d.case_id, d.command_id, d.kind::text, d.content_hash::text, d.author_id, d.created_at, d.version,
           d.plan_version, d.frozen_at, d.sequence
      FROM document d
     WHERE d.case_id = p_case AND (d.frozen_at IS NOT NULL OR d.author_id = v_person) AND annhi_reads(p_case);
END $$
;

COMMENT ON FUNCTION annhi_documents(uuid) IS 'which documents a case has, without what stands in them'
;

REVOKE ALL ON FUNCTION annhi_documents(uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_documents(uuid) TO annhi_api
;

ALTER TABLE case_file ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_file TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_file FOR SELECT TO annhi_api
    USING ((id = ANY ((SELECT annhi_opened())::uuid[]) OR ((unit_id = ANY ((SELECT annhi_units())::uuid[])
        OR ((SELECT annhi_scope()) = ANY ('{own,received}') AND id IN (SELECT annhi_brought()))
        OR ((id = ANY ((SELECT annhi_named())::uuid[]) OR id = ANY ((SELECT annhi_glass())::uuid[])
        OR unit_id = ANY ((SELECT annhi_stood())::uuid[]) OR CASE (SELECT annhi_scope())
        WHEN 'unit' THEN (process = 'received' AND (incident_unit_id = (SELECT annhi_unit()) OR residence_unit_id = (SELECT annhi_unit())))
                                 OR transfer_to_id = (SELECT annhi_unit()) OR former_unit_id = (SELECT annhi_unit())
        WHEN 'province' THEN unit_id IS NULL
        WHEN 'national' THEN true
        ELSE false END) IS TRUE AND annhi_reads(id)))
    AND id <> ALL ((SELECT annhi_out())::uuid[])))
    OR ((SELECT annhi_part()) = ANY ('{gateway,metrics,screening,succession}')))
;

CREATE POLICY api_adds ON case_file FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON case_file FOR SELECT TO annhi_worker
    USING ((id = ANY ((SELECT annhi_at_work())::uuid[]) OR household_id = ANY (ARRAY(SELECT annhi_households())))
    OR ((SELECT annhi_part()) = ANY ('{outbox,replan,sweep}')))
;

CREATE POLICY worker_changes ON case_file FOR UPDATE TO annhi_worker
    USING ((id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE child ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON child TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON child FOR SELECT TO annhi_api
    USING ((id = ANY ((SELECT annhi_children())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads_child(id))))
;

CREATE POLICY api_adds ON child FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON child FOR SELECT TO annhi_worker
    USING ((EXISTS (SELECT FROM case_file seen WHERE seen.child_id = child.id AND seen.id = ANY ((SELECT annhi_at_work())::uuid[]))))
;

ALTER TABLE household ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON household TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON household FOR SELECT TO annhi_api
    USING (((SELECT annhi_person()) IS NOT NULL AND annhi_reads_household(id)))
;

CREATE POLICY api_adds ON household FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

ALTER TABLE report ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON report TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON report FOR SELECT TO annhi_api
    USING (((receiver_id = (SELECT annhi_person())
        OR ((SELECT annhi_scope()) = ANY ('{own,received}') AND id IN (SELECT annhi_brought_reports()))
        OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads_report(id)))
    AND id <> ALL ((SELECT annhi_out_reports())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{screening}'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}') AND (EXISTS (SELECT FROM case_file seen WHERE seen.report_id = report.id AND seen.unit_id IS NULL))))
;

CREATE POLICY api_adds ON report FOR INSERT TO annhi_api
    WITH CHECK ((receiver_id = (SELECT annhi_person()) AND receiver_position_id = (SELECT annhi_position())))
;

CREATE POLICY worker_finds ON report FOR SELECT TO annhi_worker
    USING ((receiver_id = (SELECT annhi_person())
            OR EXISTS (SELECT FROM case_report seen WHERE seen.report_id = report.id AND seen.case_id = ANY ((SELECT annhi_at_work())::uuid[])))
    OR ((SELECT annhi_part()) = ANY ('{outbox}') AND (EXISTS (SELECT FROM case_file seen WHERE seen.report_id = report.id AND seen.unit_id IS NULL))))
;

ALTER TABLE case_report ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_report TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_report FOR SELECT TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[])
    OR CASE WHEN (SELECT annhi_scope()) = ANY ('{own,received}')
            THEN case_id IN (SELECT annhi_brought()) OR (
                (case_id = ANY ((SELECT annhi_named())::uuid[]) OR case_id = ANY ((SELECT annhi_glass())::uuid[])
                 OR cardinality((SELECT annhi_stood())) > 0) AND annhi_reads(case_id))
            ELSE (SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id) END)
    OR ((SELECT annhi_part()) = ANY ('{screening}')))
;

CREATE POLICY api_adds ON case_report FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON case_report FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON case_report FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON case_report FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE document ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON document TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON document FOR SELECT TO annhi_api
    USING ((case_id <> ALL ((SELECT annhi_out())::uuid[]) AND (
        (author_id = (SELECT annhi_person()) AND (frozen_at IS NULL OR (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
        OR (frozen_at IS NOT NULL AND (
                (kind = ANY ('{M03,conference_minutes,minutes}') AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DEL,SUP,VCH}'))
                OR (kind <> ALL ('{M03,conference_minutes,minutes}') AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DEL,DOH,DOHD,SUP,VCH}'))
                OR (case_id = ANY ((SELECT annhi_glass())::uuid[]) AND (
                    (kind = ANY ('{M03,conference_minutes,minutes}') AND (SELECT annhi_role()) = ANY ('{}'))
                    OR (kind <> ALL ('{M03,conference_minutes,minutes}') AND (SELECT annhi_role()) = ANY ('{H111,H111S}'))))
                OR ((SELECT annhi_role()) = 'H111S' AND EXISTS (
                    SELECT FROM position p WHERE p.person_id = document.author_id AND p.unit_id = (SELECT annhi_unit())
                       AND p.valid_from <= document.created_at
                       AND (p.valid_to IS NULL OR p.valid_to > document.created_at))))
            AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))))
;

CREATE POLICY api_adds ON document FOR INSERT TO annhi_api
    WITH CHECK ((author_id = (SELECT annhi_person())))
;

CREATE POLICY worker_finds ON document FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON document FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON document FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE case_note ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_note TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_note FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) AND (author_id = (SELECT annhi_person()) OR (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DEL,DOH,DOHD,SUP,VCH}') OR case_id = ANY ((SELECT annhi_glass())::uuid[]))))
;

CREATE POLICY api_adds ON case_note FOR INSERT TO annhi_api
    WITH CHECK ((author_id = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,H111,H111S,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

ALTER TABLE custody_interval ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON custody_interval TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON custody_interval FOR SELECT TO annhi_api
    USING ((((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))) OR ((SELECT annhi_role()) = ANY ('{CHAIR,CPO,SUP,VCH}') AND unit_id = ANY ((SELECT annhi_units())::uuid[]) AND case_id <> ALL ((SELECT annhi_out())::uuid[]))))
;

CREATE POLICY worker_finds ON custody_interval FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE case_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_event TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_event FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_adds ON case_event FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake' AND actor_id = (SELECT annhi_person())))
;

CREATE POLICY worker_finds ON case_event FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON case_event FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON case_event FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE deadline ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON deadline TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON deadline FOR SELECT TO annhi_api
    USING ((referral_id = ANY ((SELECT annhi_referred())::uuid[]) OR (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{metrics}')))
;

CREATE POLICY api_adds ON deadline FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON deadline FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{replan,sweep}')))
;

CREATE POLICY worker_adds ON deadline FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON deadline FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE referral ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON referral TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON referral FOR SELECT TO annhi_api
    USING ((id = ANY ((SELECT annhi_referred())::uuid[]) OR (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON referral FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

CREATE POLICY worker_adds ON referral FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON referral FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE answer_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON answer_link TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON answer_link FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CPO,DOH,DOHD,SUP}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON answer_link FOR INSERT TO annhi_api
    WITH CHECK ((issued_by = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CPO,DOH,DOHD,SUP}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_changes ON answer_link FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CPO,DOH,DOHD,SUP}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY worker_finds ON answer_link FOR SELECT TO annhi_worker
    USING (((SELECT annhi_part()) = ANY ('{outbox}')))
;

ALTER TABLE referral_event ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON referral_event TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON referral_event FOR SELECT TO annhi_api
    USING ((referral_id = ANY ((SELECT annhi_referred())::uuid[]) OR (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON referral_event FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON referral_event FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON referral_event FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE rung ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON rung TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON rung FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{metrics}')))
;

CREATE POLICY api_adds ON rung FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON rung FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

CREATE POLICY worker_adds ON rung FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON rung FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_removes ON rung FOR DELETE TO annhi_worker
    USING (case_id = ANY ((SELECT annhi_at_work())::uuid[]))
;

ALTER TABLE breach ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON breach TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON breach FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON breach FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON breach FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON breach FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE escalation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON escalation TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON escalation FOR SELECT TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[])
    OR ((((SELECT annhi_person()) IS NOT NULL AND EXISTS (SELECT FROM case_file seen WHERE seen.id = escalation.case_id)) OR annhi_sent(id)) AND case_id <> ALL ((SELECT annhi_out())::uuid[])))
    OR ((SELECT annhi_part()) = ANY ('{metrics}')))
;

CREATE POLICY api_changes ON escalation FOR UPDATE TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[])
    OR ((((SELECT annhi_person()) IS NOT NULL AND EXISTS (SELECT FROM case_file seen WHERE seen.id = escalation.case_id)) OR annhi_sent(id)) AND case_id <> ALL ((SELECT annhi_out())::uuid[]))))
;

CREATE POLICY worker_finds ON escalation FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON escalation FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON escalation FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE escalation_recipient ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON escalation_recipient TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON escalation_recipient FOR SELECT TO annhi_api
    USING (((SELECT annhi_person()) IS NOT NULL AND EXISTS (SELECT FROM escalation seen WHERE seen.id = escalation_recipient.escalation_id)))
;

CREATE POLICY worker_finds ON escalation_recipient FOR SELECT TO annhi_worker
    USING ((EXISTS (SELECT FROM escalation seen WHERE seen.id = escalation_recipient.escalation_id)))
;

CREATE POLICY worker_adds ON escalation_recipient FOR INSERT TO annhi_worker
    WITH CHECK ((cardinality((SELECT annhi_at_work())) > 0 AND NOT annhi_elsewhere(escalation_id)))
;

ALTER TABLE notice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON notice TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON notice FOR SELECT TO annhi_api
    USING (((person_id = (SELECT annhi_person()) OR ((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))) AND case_id <> ALL ((SELECT annhi_out())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{metrics}'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}') AND (channel = ANY ('{sms,voice}'))))
;

CREATE POLICY api_adds ON notice FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{intake,screening}'))
    OR ((SELECT annhi_part()) = ANY ('{linking}') AND (kind = 'answer_link'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}') AND (channel = ANY ('{sms,voice}'))))
;

CREATE POLICY api_changes ON notice FOR UPDATE TO annhi_api
    USING ((person_id = (SELECT annhi_person()) AND case_id <> ALL ((SELECT annhi_out())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{gateway}') AND (channel = ANY ('{sms,voice}'))))
;

CREATE POLICY worker_finds ON notice FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}')))
;

CREATE POLICY worker_adds ON notice FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}') AND (channel = ANY ('{sms,voice}'))))
;

CREATE POLICY worker_changes ON notice FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}')))
;

ALTER TABLE call_task ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON call_task TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON call_task FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{DOH,DOHD,H111,H111S,NAT}') AND case_id <> ALL ((SELECT annhi_out())::uuid[])
    AND (caller_unit_id = (SELECT annhi_unit()) OR (caller_unit_id IS NULL AND (SELECT annhi_role()) = 'NAT'))))
;

CREATE POLICY api_adds ON call_task FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{gateway}')))
;

CREATE POLICY api_changes ON call_task FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{DOH,DOHD,H111,H111S,NAT}') AND case_id <> ALL ((SELECT annhi_out())::uuid[])
    AND (caller_unit_id = (SELECT annhi_unit()) OR (caller_unit_id IS NULL AND (SELECT annhi_role()) = 'NAT'))))
;

CREATE POLICY worker_finds ON call_task FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON call_task FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}')))
;

CREATE POLICY worker_changes ON call_task FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE submission ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON submission TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON submission FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person()))
    OR ((SELECT annhi_part()) = ANY ('{answers}')))
;

CREATE POLICY api_adds ON submission FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON submission FOR UPDATE TO annhi_api
    USING ((person_id = (SELECT annhi_person()))
    OR ((SELECT annhi_part()) = ANY ('{answers}')))
;

CREATE POLICY worker_finds ON submission FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

CREATE POLICY worker_changes ON submission FOR UPDATE TO annhi_worker
    USING (((SELECT annhi_part()) = ANY ('{sweep}')))
;

ALTER TABLE command_record ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON command_record TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON command_record FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person())))
;

CREATE POLICY worker_finds ON command_record FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

CREATE POLICY worker_adds ON command_record FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON command_record FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE recusal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON recusal TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON recusal FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{gateway,intake,screening}')))
;

CREATE POLICY api_adds ON recusal FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{intake,screening}')))
;

CREATE POLICY worker_finds ON recusal FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}')))
;

CREATE POLICY worker_adds ON recusal FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON recusal FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE delegate ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON delegate TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON delegate FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{gateway,intake,screening}')))
;

CREATE POLICY worker_finds ON delegate FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{outbox}')))
;

CREATE POLICY worker_adds ON delegate FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON delegate FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE audit_entry ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON audit_entry TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON audit_entry FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{AUD,DPO}')))
;

CREATE POLICY api_adds ON audit_entry FOR INSERT TO annhi_api
    WITH CHECK ((actor_id = (SELECT annhi_person()) OR (actor_id IS NULL AND (SELECT annhi_part()) <> ''))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY worker_finds ON audit_entry FOR SELECT TO annhi_worker
    USING (((SELECT annhi_part()) = ANY ('{sealer}')))
;

CREATE POLICY worker_adds ON audit_entry FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[]) OR case_id IS NULL))
;

ALTER TABLE account ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON account TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON account FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person()) OR ((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id)))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON account FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND person_id <> (SELECT annhi_person()) AND annhi_administers(person_id)))
;

CREATE POLICY api_changes ON account FOR UPDATE TO annhi_api
    USING ((person_id = (SELECT annhi_person()) OR ((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id)))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE access_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON access_token TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON access_token FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = access_token.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON access_token FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM account seen WHERE seen.id = access_token.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON access_token FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = access_token.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE sign_in_throttle ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON sign_in_throttle TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON sign_in_throttle FOR SELECT TO annhi_api
    USING (((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON sign_in_throttle FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON sign_in_throttle FOR UPDATE TO annhi_api
    USING (((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE sign_in_step ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON sign_in_step TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON sign_in_step FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = sign_in_step.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON sign_in_step FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM account seen WHERE seen.id = sign_in_step.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON sign_in_step FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = sign_in_step.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_removes ON sign_in_step FOR DELETE TO annhi_api
    USING (expires_at < (SELECT annhi_now()) AND ((SELECT annhi_person()) IS NOT NULL OR (SELECT annhi_part()) = 'door'))
;

ALTER TABLE set_up_link ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON set_up_link TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON set_up_link FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = set_up_link.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON set_up_link FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND made_by = (SELECT annhi_person()) AND EXISTS (SELECT FROM account seen WHERE seen.id = set_up_link.account_id)))
;

CREATE POLICY api_changes ON set_up_link FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = set_up_link.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE totp ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON totp TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON totp FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = totp.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON totp FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM account seen WHERE seen.id = totp.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON totp FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = totp.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE passkey ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON passkey TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON passkey FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = passkey.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON passkey FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM account seen WHERE seen.id = passkey.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON passkey FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = passkey.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE recovery_code ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON recovery_code TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON recovery_code FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = recovery_code.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON recovery_code FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM account seen WHERE seen.id = recovery_code.account_id AND seen.person_id = (SELECT annhi_person())))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_changes ON recovery_code FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = recovery_code.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE external_identity ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON external_identity TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON external_identity FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM account seen WHERE seen.id = external_identity.account_id))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON external_identity FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND linked_by = (SELECT annhi_person()) AND EXISTS (SELECT FROM account seen WHERE seen.id = external_identity.account_id)))
;

CREATE POLICY api_changes ON external_identity FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (SELECT FROM account seen WHERE seen.id = external_identity.account_id)))
;

ALTER TABLE service_token ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON service_token TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON service_token FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = service_token.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[])))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

CREATE POLICY api_adds ON service_token FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = service_token.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[])) AND issued_by = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON service_token FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = service_token.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[])))
    OR ((SELECT annhi_part()) = ANY ('{door}')))
;

ALTER TABLE suspension ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON suspension TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON suspension FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person()) OR ((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id)))
    OR ((SELECT annhi_part()) = ANY ('{door,gateway,intake,screening}')))
;

CREATE POLICY api_adds ON suspension FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND person_id <> (SELECT annhi_person()) AND annhi_administers(person_id)
            AND ordered_by = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON suspension FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND person_id <> (SELECT annhi_person()) AND annhi_administers(person_id)))
;

CREATE POLICY worker_finds ON suspension FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE webhook_endpoint ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON webhook_endpoint TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON webhook_endpoint FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = webhook_endpoint.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[]))))
;

CREATE POLICY api_adds ON webhook_endpoint FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = webhook_endpoint.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[])) AND added_by = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON webhook_endpoint FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (
        SELECT FROM position seen WHERE seen.id = webhook_endpoint.position_id
           AND seen.unit_id = ANY ((SELECT annhi_administered())::uuid[]))))
;

CREATE POLICY worker_finds ON webhook_endpoint FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE webhook_secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON webhook_secret TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON webhook_secret FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM webhook_endpoint seen WHERE seen.id = webhook_secret.endpoint_id)))
;

CREATE POLICY api_adds ON webhook_secret FOR INSERT TO annhi_api
    WITH CHECK ((EXISTS (SELECT FROM webhook_endpoint seen WHERE seen.id = webhook_secret.endpoint_id) AND issued_by = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON webhook_secret FOR UPDATE TO annhi_api
    USING ((EXISTS (SELECT FROM webhook_endpoint seen WHERE seen.id = webhook_secret.endpoint_id)))
;

CREATE POLICY worker_finds ON webhook_secret FOR SELECT TO annhi_worker
    USING ((EXISTS (SELECT FROM webhook_delivery seen
        WHERE seen.endpoint_id = webhook_secret.endpoint_id AND seen.case_id = ANY ((SELECT annhi_at_work())::uuid[]))))
;

ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON webhook_delivery TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON webhook_delivery FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) OR ((SELECT annhi_role()) = ANY ('{ADM}') AND EXISTS (SELECT FROM webhook_endpoint seen WHERE seen.id = webhook_delivery.endpoint_id))))
;

CREATE POLICY api_changes ON webhook_delivery FOR UPDATE TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON webhook_delivery FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

CREATE POLICY worker_adds ON webhook_delivery FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON webhook_delivery FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{sweep}')))
;

ALTER TABLE webhook_attempt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON webhook_attempt TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON webhook_attempt FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON webhook_attempt FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON webhook_attempt FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON webhook_attempt FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE case_key ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_key TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_key FOR SELECT TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_unlocks(case_id))))
;

CREATE POLICY api_adds ON case_key FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

CREATE POLICY worker_finds ON case_key FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE key_share ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON key_share TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON key_share FOR SELECT TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_unlocks(case_id))))
;

CREATE POLICY api_adds ON key_share FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake' OR case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_unlocks(case_id))))
;

CREATE POLICY worker_finds ON key_share FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON key_share FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_removes ON key_share FOR DELETE TO annhi_worker
    USING (case_id = ANY ((SELECT annhi_at_work())::uuid[]))
;

ALTER TABLE informant ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON informant TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON informant FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,EDU,FF,GRP,H111,H111S,HLT,POL,SHL,SUP,SWC,VCH,WU,YU}') AND EXISTS (
        SELECT FROM report seen WHERE seen.id = informant.report_id
           AND (seen.receiver_id = (SELECT annhi_person()) OR (SELECT annhi_role()) = ANY ('{CHAIR,DEL,VCH}')))))
;

CREATE POLICY api_adds ON informant FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,EDU,FF,GRP,H111,H111S,HLT,POL,SHL,SUP,SWC,VCH,WU,YU}') AND NOT annhi_of_another(report_id)))
;

ALTER TABLE informant_reading ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON informant_reading TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON informant_reading FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person())))
;

CREATE POLICY api_adds ON informant_reading FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person())))
;

ALTER TABLE attachment ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON attachment TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON attachment FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_adds ON attachment FOR INSERT TO annhi_api
    WITH CHECK ((author_id = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,H111,H111S,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON attachment FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{attachments}')))
;

CREATE POLICY worker_changes ON attachment FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[]))
    OR ((SELECT annhi_part()) = ANY ('{attachments}')))
;

ALTER TABLE custody_entry ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON custody_entry TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON custody_entry FOR SELECT TO annhi_api
    USING ((EXISTS (SELECT FROM attachment seen WHERE seen.id = custody_entry.attachment_id)))
;

CREATE POLICY api_adds ON custody_entry FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person()) AND EXISTS (SELECT FROM attachment seen WHERE seen.id = custody_entry.attachment_id)))
;

CREATE POLICY worker_finds ON custody_entry FOR SELECT TO annhi_worker
    USING ((EXISTS (SELECT FROM attachment seen WHERE seen.id = custody_entry.attachment_id))
    OR ((SELECT annhi_part()) = ANY ('{attachments}')))
;

CREATE POLICY worker_adds ON custody_entry FOR INSERT TO annhi_worker
    WITH CHECK ((person_id IS NULL AND EXISTS (SELECT FROM attachment seen WHERE seen.id = custody_entry.attachment_id)))
;

ALTER TABLE legal_hold ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON legal_hold TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON legal_hold FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

ALTER TABLE erasure ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON erasure TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON erasure FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

ALTER TABLE audit_seal ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON audit_seal TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY worker_finds ON audit_seal FOR SELECT TO annhi_worker
    USING (((SELECT annhi_part()) = ANY ('{sealer}')))
;

CREATE POLICY worker_adds ON audit_seal FOR INSERT TO annhi_worker
    WITH CHECK (((SELECT annhi_part()) = ANY ('{sealer}')))
;

ALTER TABLE relative ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON relative TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON relative FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person()) OR EXISTS (SELECT FROM conflict seen WHERE seen.relative_id = relative.id)))
;

CREATE POLICY api_adds ON relative FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person())))
;

CREATE POLICY api_changes ON relative FOR UPDATE TO annhi_api
    USING ((person_id = (SELECT annhi_person())))
;

ALTER TABLE alleged_person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON alleged_person TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_adds ON alleged_person FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{intake,screening}')))
;

CREATE POLICY worker_finds ON alleged_person FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON alleged_person FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON alleged_person FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE conflict ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON conflict TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON conflict FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,DOH,DOHD,SUP}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{intake,screening}')))
;

CREATE POLICY api_adds ON conflict FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = ANY ('{intake,screening}')))
;

CREATE POLICY worker_finds ON conflict FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON conflict FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_changes ON conflict FOR UPDATE TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE case_declaration ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_declaration TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_declaration FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person())))
;

CREATE POLICY api_adds ON case_declaration FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person())))
;

ALTER TABLE break_glass ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON break_glass TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON break_glass FOR SELECT TO annhi_api
    USING ((person_id = (SELECT annhi_person()) OR ((SELECT annhi_person()) IS NOT NULL AND EXISTS (SELECT FROM annhi_grants(id)))))
;

CREATE POLICY api_adds ON break_glass FOR INSERT TO annhi_api
    WITH CHECK ((person_id = (SELECT annhi_person()) AND confirmed_by IS NULL AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,H111,H111S,SUP,VCH}') AND case_id <> ALL ((SELECT annhi_out())::uuid[])))
;

CREATE POLICY api_changes ON break_glass FOR UPDATE TO annhi_api
    USING (((SELECT annhi_person()) IS NOT NULL AND EXISTS (SELECT FROM annhi_grants(id))))
;

CREATE POLICY worker_finds ON break_glass FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

ALTER TABLE consent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON consent TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON consent FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_adds ON consent FOR INSERT TO annhi_api
    WITH CHECK ((recorded_by = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_changes ON consent FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON consent FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

CREATE POLICY worker_adds ON consent FOR INSERT TO annhi_worker
    WITH CHECK ((case_id = ANY ((SELECT annhi_at_work())::uuid[]) AND answer = 'ground'))
;

ALTER TABLE withholding ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON withholding TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON withholding FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_adds ON withholding FOR INSERT TO annhi_api
    WITH CHECK ((recorded_by = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY api_changes ON withholding FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

ALTER TABLE not_same_child ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON not_same_child TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON not_same_child FOR SELECT TO annhi_api
    USING ((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR other_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND (annhi_reads(case_id) OR annhi_reads(other_id)))))
;

CREATE POLICY api_adds ON not_same_child FOR INSERT TO annhi_api
    WITH CHECK ((decided_by = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) AND annhi_reads(other_id)))
;

ALTER TABLE public_receipt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON public_receipt TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_adds ON public_receipt FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_part()) = 'intake'))
;

ALTER TABLE person ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON person TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON person FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}') OR id = (SELECT annhi_person()))
    OR ((SELECT annhi_part()) = ANY ('{door,gateway}')))
;

CREATE POLICY api_adds ON person FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}')))
;

CREATE POLICY api_changes ON person FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(id)))
;

CREATE POLICY worker_finds ON person FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE unit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON unit TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON unit FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}') OR id = (SELECT annhi_unit()))
    OR ((SELECT annhi_part()) = ANY ('{door,gateway}')))
;

CREATE POLICY api_adds ON unit FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}')))
;

CREATE POLICY api_changes ON unit FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON unit FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE unit_name ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON unit_name TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON unit_name FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON unit_name FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

ALTER TABLE unit_parent ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON unit_parent TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON unit_parent FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}')))
;

CREATE POLICY api_adds ON unit_parent FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND parent_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY api_changes ON unit_parent FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND parent_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON unit_parent FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE position ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON position TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON position FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}') OR person_id = (SELECT annhi_person()))
    OR ((SELECT annhi_part()) = ANY ('{door,gateway}')))
;

CREATE POLICY api_adds ON position FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[]) AND person_id <> (SELECT annhi_person())))
;

CREATE POLICY api_changes ON position FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON position FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE shift ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON shift TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON shift FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}')))
;

CREATE POLICY api_adds ON shift FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY api_changes ON shift FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON shift FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE deputy ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON deputy TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON deputy FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}'))
    OR ((SELECT annhi_part()) = ANY ('{gateway}')))
;

CREATE POLICY api_adds ON deputy FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[]) AND deputy_id <> (SELECT annhi_person())))
;

CREATE POLICY api_changes ON deputy FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON deputy FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE absence ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON absence TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON absence FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id))
    OR ((SELECT annhi_part()) = ANY ('{gateway,intake,screening}')))
;

CREATE POLICY api_adds ON absence FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id)))
;

CREATE POLICY api_changes ON absence FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND annhi_administers(person_id)))
;

CREATE POLICY worker_finds ON absence FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE provider ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON provider TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON provider FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON provider FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY api_changes ON provider FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY worker_finds ON provider FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE provider_name ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON provider_name TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON provider_name FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON provider_name FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY api_changes ON provider_name FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON provider_name FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE capability ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON capability TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON capability FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON capability FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY api_changes ON capability FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY worker_finds ON capability FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE contact ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON contact TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON contact FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON contact FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY api_changes ON contact FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY worker_finds ON contact FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE residential_area ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON residential_area TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON residential_area FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON residential_area FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY api_changes ON residential_area FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY worker_finds ON residential_area FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE area_place ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON area_place TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON area_place FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON area_place FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY api_changes ON area_place FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND unit_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY worker_finds ON area_place FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE collaborator ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON collaborator TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON collaborator FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON collaborator FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY api_changes ON collaborator FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND true))
;

CREATE POLICY worker_finds ON collaborator FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE unit_change ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON unit_change TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON unit_change FOR SELECT TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM,AUD,CHAIR,CPO,DEL,DOH,DOHD,DPO,EDU,FF,FOR,GRP,H111,H111S,HLT,LEG,NAT,POL,PROV,SHL,SUP,SWC,VCH,WU,YU}')))
;

CREATE POLICY api_adds ON unit_change FOR INSERT TO annhi_api
    WITH CHECK (((SELECT annhi_role()) = ANY ('{ADM}') AND made_by = (SELECT annhi_person()) AND predecessor_id = ANY ((SELECT annhi_administered())::uuid[])
            AND successor_id = ANY ((SELECT annhi_administered())::uuid[])))
;

CREATE POLICY api_changes ON unit_change FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{ADM}') AND false))
;

CREATE POLICY worker_finds ON unit_change FOR SELECT TO annhi_worker
    USING ((SELECT annhi_part()) <> '' OR (SELECT annhi_person()) IS NOT NULL)
;

ALTER TABLE case_area ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON case_area TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON case_area FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
    OR ((SELECT annhi_part()) = ANY ('{succession}')))
;

CREATE POLICY api_adds ON case_area FOR INSERT TO annhi_api
    WITH CHECK ((recorded_by = (SELECT annhi_person()) AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
;

CREATE POLICY worker_finds ON case_area FOR SELECT TO annhi_worker
    USING ((case_id = ANY ((SELECT annhi_at_work())::uuid[])))
;

