"""HTTP: CDS Hooks and REST, who may call, what is stored.

What a call is answered with is a pure function of a `Question` and the loaded rules
(`answers.answer`), so that an audit record can be replayed to the same bytes. Everything that
touches the network, the clock or a database stands around it.
"""
