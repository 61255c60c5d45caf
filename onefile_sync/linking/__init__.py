"""Which OneFile record a row of PICSWeb is: the matches found, and the links that people or OneFile's answers made.

In: rows of PICSWeb and records of OneFile that are not linked, as plain values. Out: pairs with their evidence. Called
by ``reporting`` and ``services``.
"""
