"""What the software asks of the world, as Protocols; adapters/, engine/ and records/ answer.

Every method may raise the ActionFailed of its kind (domain/errors.py) and nothing else.
"""
