"""Proving who one is: tokens, cookies, one-time codes, passkeys, OpenID Connect. None of it knows the database."""
