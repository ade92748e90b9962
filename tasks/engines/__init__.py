"""Who proposes, judges, rates and encodes: roles.py has the protocols, each engine is a package."""
