"""Small servers and clients that the scenarios start, for what the big programs cannot do."""
