"""Facts computed from other facts: one formula, one module.

Every function takes and returns an Interval, so a value known only within bounds gives a result
known within bounds. Rational formulas are exact; those with a root or a real power are rounded to
nine decimals, and their ends then count as included. None says that no bound can be known. A
negative value, or a divisor that can only be zero, raises ValueError: no such fact exists.
"""
