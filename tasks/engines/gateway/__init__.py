"""What the gateway (`chat.py`) is made of.

calling.py     the calls of one run: paced, paid, tried again, stopped together
  limits.py      the pace a server allows, the money a study may cost
  faults.py      what a fault means, and when an endpoint is down
  dialect.py     which fields of a request a server accepts
  transport.py   one exchange over HTTP; keeps the key out of everything else
completion.py  what came back, read and validated
"""
