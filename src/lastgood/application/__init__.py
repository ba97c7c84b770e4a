"""Use cases: each takes the workplace and a request, and returns a result; every interface calls these."""
