"""How PICSWeb's Idents and OneFile's MIS Values are compared: both sides of the exchange and linking use it."""


def ident_key(text: str) -> str:
    """An Ident or MIS Value without spaces and case."""
    return "".join(text.split()).casefold()
