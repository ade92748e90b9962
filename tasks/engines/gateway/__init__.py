"""What the gateway (`chat.py`) is made of.

calling.py     the calls of one run: paced, paid, tried again, stopped together
  limits.py      the pace a server allows, the money a study may cost
  turns.py       whose turn it is, where several processes ask one server
  faults.py      what a fault means, and when an endpoint is down
  dialect.py     which fields of a request a server accepts
  transport.py   one exchange over HTTP; keeps the key out of everything else
reading.py     what a completion is worth, and whether more room would help
  completion.py  what came back, read and validated
  thought.py     what a model thought before its answer
  problems.py    why there is no usable answer, and what to do about it
"""
