"""Which row of PICSWeb is which record of OneFile.

In: PICSWeb's rows, OneFile's lists and records, decisions of staff. Out: OneFile IDs on PICSWeb's rows, with a link on
record for each. The services call it; the exchange does not, it reads the OneFile IDs.
"""
