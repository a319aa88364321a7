DROP POLICY api_finds ON case_file
;

DROP POLICY api_finds ON document
;

DROP POLICY api_finds ON attachment
;

DROP POLICY api_adds ON attachment
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

CREATE OR REPLACE FUNCTION annhi_served() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('cash_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{POL}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'police_report') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{HLT}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination', 'medical_emergency', 'psychosocial', 'sexual_assault_care') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{FOR}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{EDU}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('psychosocial', 'school_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{LEG}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'legal_aid') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{SHL}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{SWC}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'cash_support', 'civil_registration', 'parenting_reintegration', 'psychosocial', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSIF v_role = ANY ('{WU}') THEN
        RETURN ARRAY(SELECT referral.id FROM referral WHERE referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('parenting_reintegration', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')));
    ELSE
        RETURN '{}';
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_served() IS 'of these referrals, those of which the reader sees the slice, and with it the files'
;

REVOKE ALL ON FUNCTION annhi_served() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_served() TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_takes(p_referral uuid, p_case uuid) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
        RETURN false;
    ELSIF v_role = ANY ('{GRP}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('cash_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{POL}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'police_report') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{HLT}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination', 'medical_emergency', 'psychosocial', 'sexual_assault_care') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{FOR}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('forensic_examination') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{EDU}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('psychosocial', 'school_support') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{LEG}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('civil_registration', 'legal_aid') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{SHL}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{SWC}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('alternative_care', 'cash_support', 'civil_registration', 'parenting_reintegration', 'psychosocial', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSIF v_role = ANY ('{WU}') THEN
        RETURN EXISTS (SELECT referral.id FROM referral WHERE referral.id = p_referral AND referral.case_id = p_case AND referral.receiver_id = v_unit AND referral.state != 'draft' AND referral.service IN ('parenting_reintegration', 'shelter') AND (referral.ended_at IS NULL OR referral.ended_at > v_at - make_interval(secs=>2592000.0)) AND (referral.case_id NOT IN (SELECT recusal_1.case_id FROM recusal AS recusal_1 WHERE recusal_1.person_id = v_person AND recusal_1.since <= v_at AND (recusal_1.until IS NULL OR recusal_1.until > v_at))) AND (referral.accepted_at IS NOT NULL OR referral.state IN ('accepted', 'closed', 'delivered', 'in_service', 'scheduled', 'waiting_order')) AND (referral.consent_lost_at IS NULL OR referral.service IN ('forensic_examination', 'medical_emergency', 'police_report', 'sexual_assault_care', 'shelter')) AND referral.state IN ('accepted', 'delivered', 'in_service', 'scheduled', 'waiting_order'));
    ELSE
        RETURN false;
    END IF;
END $$
;

COMMENT ON FUNCTION annhi_takes(uuid, uuid) IS 'whether the reader, of the agency, may add a file to a referral of a case'
;

REVOKE ALL ON FUNCTION annhi_takes(uuid, uuid) FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_takes(uuid, uuid) TO annhi_api
;

CREATE OR REPLACE FUNCTION annhi_shared() RETURNS uuid[] LANGUAGE plpgsql STABLE SECURITY DEFINER COST 2000 SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN ARRAY(SELECT s.attachment_id FROM attachment_share s
                  WHERE s.ended_at IS NULL AND s.referral_id = ANY ((SELECT annhi_served())::uuid[]));
END $$
;

COMMENT ON FUNCTION annhi_shared() IS 'the files of cases that are shared with these referrals now'
;

REVOKE ALL ON FUNCTION annhi_shared() FROM PUBLIC
;

GRANT EXECUTE ON FUNCTION annhi_shared() TO annhi_api
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
                OR ((v_role = ANY ('{CPO,SUP}')) AND ((EXISTS (SELECT * FROM unit WHERE unit.id = v_unit AND unit.kind = 'commune')) AND case_file.unit_id IS NOT NULL AND case_file.unit_id != v_unit)))))
        OR EXISTS (SELECT FROM attachment a WHERE a.case_id = p_case AND (
                a.referral_id = ANY ((SELECT annhi_served())::uuid[])
                OR a.id = ANY ((SELECT annhi_shared())::uuid[]))));
END $$
;

COMMENT ON FUNCTION annhi_unlocks(uuid) IS 'whether the reader needs a case''s wrapped key: they read it, took a report of it in, answer a referral of it, have a file of it with one that has gone on to another case, or may add to it unread; where that is to any case whose name they know, of the one they name'
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

CREATE POLICY api_finds ON attachment FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) OR referral_id = ANY ((SELECT annhi_served())::uuid[]) OR id = ANY ((SELECT annhi_shared())::uuid[])))
;

CREATE POLICY api_adds ON attachment FOR INSERT TO annhi_api
    WITH CHECK ((author_id = (SELECT annhi_person()) AND ((referral_id IS NULL AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,H111,H111S,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))))
            OR (agency_id = (SELECT annhi_unit()) AND annhi_takes(referral_id, case_id)))))
;

ALTER TABLE attachment_share ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY
;

CREATE POLICY owner ON attachment_share TO annhi_owner USING (true) WITH CHECK (true)
;

CREATE POLICY api_finds ON attachment_share FOR SELECT TO annhi_api
    USING (((case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) OR (ended_at IS NULL AND referral_id = ANY ((SELECT annhi_served())::uuid[]))))
;

CREATE POLICY api_adds ON attachment_share FOR INSERT TO annhi_api
    WITH CHECK ((shared_by = (SELECT annhi_person()) AND (SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id))) AND EXISTS (SELECT FROM referral seen
        WHERE seen.id = attachment_share.referral_id AND seen.case_id = attachment_share.case_id)
    AND EXISTS (SELECT FROM attachment seen LEFT JOIN referral came ON came.id = seen.referral_id
        WHERE seen.id = attachment_share.attachment_id
          AND attachment_share.case_id IN (seen.case_id, came.case_id))))
;

CREATE POLICY api_changes ON attachment_share FOR UPDATE TO annhi_api
    USING (((SELECT annhi_role()) = ANY ('{CHAIR,CPO,DOH,DOHD,SUP,VCH}') AND (case_id = ANY ((SELECT annhi_opened())::uuid[]) OR ((SELECT annhi_person()) IS NOT NULL AND annhi_reads(case_id)))))
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

