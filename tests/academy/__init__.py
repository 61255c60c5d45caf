"""A third PICSWeb, for what the others do not do: it tidies what is saved, hides rows, keeps things elsewhere."""
