"""What happened, in PostgreSQL: the rows that intake and the activities write in one transaction."""
