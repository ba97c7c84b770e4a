"""The composition root: documents in, a workplace out.

documents.py  loads them      parts.py  builds adapters     workplace.py  puts a system together
watching.py   its signals     ground.py before a system     drills.py     sandboxes
"""
