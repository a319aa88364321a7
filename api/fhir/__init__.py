"""Referrals for health partners that speak HL7 FHIR R4B: a Task for each, and their Task as an answer.

``outward``: what a partner is shown, made of what the API shows it and of nothing else. ``inward``: what a partner's
Task says as events of a referral. ``resources``: the words both share. Pure; ``api/services/fhir.py`` carries it out.
"""
