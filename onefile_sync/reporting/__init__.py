"""What was recorded, told to people: reports of runs and learners, what needs attention, whether it works.

In: our own tables. Out: plain objects that pages, commands and REST show. Called by ``services`` only; writes nothing
and calls nobody.
"""
