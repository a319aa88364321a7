DROP POLICY api_finds ON attachment
;

DROP POLICY api_adds ON attachment
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

